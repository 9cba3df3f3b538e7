import assert from 'node:assert/strict'
import { it } from 'node:test'
import { keyNames, onEveryServer, type Scene, told } from './scene.ts'

onEveryServer('shapes of tables', scene => {
  changes(scene)
  versions(scene)
  keys(scene)
})

function changes(scene: Scene): void {
  it('change at the row where they changed, also inside a transaction and when old log is read again', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, a text, b int)')
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await database.commit(`INSERT INTO t VALUES (1, 'a', 1)`)
    await database.commit(
      `INSERT INTO t VALUES (2, 'a', 2); ALTER TABLE t ADD COLUMN n numeric(6,2) DEFAULT 7; INSERT INTO t VALUES (3, 'a', 3)`,
    )
    await database.commit('ALTER TABLE t RENAME COLUMN a TO z', `INSERT INTO t VALUES (4, 'z', 4)`)
    await database.commit('ALTER TABLE t DROP COLUMN b', `INSERT INTO t VALUES (5, 'z', 5.5)`)
    await database.commit('ALTER TABLE t ALTER COLUMN z TYPE int USING 0', 'INSERT INTO t VALUES (6, 6)')
    await database.commit('ALTER TABLE t RENAME TO renamed', 'INSERT INTO renamed VALUES (7, 7)')
    const expected = [
      ['c', null, { id: 1, a: 'a', b: 1 }],
      ['c', null, { id: 2, a: 'a', b: 2 }],
      ['c', null, { id: 3, a: 'a', b: 3, n: '7.00' }],
      ['c', null, { id: 4, z: 'z', b: 4, n: '7.00' }],
      ['c', null, { id: 5, z: 'z', n: '5.50' }],
      ['c', null, { id: 6, z: 6, n: '7.00' }],
      ['c', null, { id: 7, z: 7, n: '7.00' }],
    ]
    // Rewriting a table writes its rows to the log under another name, which nobody is to see.
    await reader.pullEvents(7)
    await reader.stop()
    for (const events of [reader.events, await scene.replay(begin, 7)]) {
      assert.deepEqual(events.map(told), expected)
      assert.deepEqual(
        events.map(({ table }) => table.name),
        ['t', 't', 't', 't', 't', 't', 'renamed'],
      )
    }
  })

  it('are read from log that was written before the table was dropped', async () => {
    const { database } = scene
    await database.commit(`CREATE TABLE t (id int PRIMARY KEY, v numeric(4,1))`)
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await reader.stop()
    await database.commit(
      'INSERT INTO t VALUES (1, 2.5)',
      'DROP TABLE t',
      'CREATE TABLE t (v text PRIMARY KEY)',
      `INSERT INTO t VALUES ('x')`,
    )
    const events = await scene.replay(begin, 2)
    assert.deepEqual(events.map(told), [
      ['c', null, { id: 1, v: '2.5' }],
      ['c', null, { v: 'x' }],
    ])
    assert.deepEqual(
      events.map(({ table }) => keyNames(table)),
      [['id'], ['v']],
    )
  })
}

function versions(scene: Scene): void {
  it('are the same object while nothing has changed, whatever the server has touched', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'a')`, 'CREATE INDEX ON t (v)', 'ANALYZE t')
    await database.commit(
      `INSERT INTO t VALUES (2, 'b')`,
      `COMMENT ON TABLE t IS 'x'`,
      'ALTER TABLE t ALTER v SET NOT NULL',
    )
    await database.commit(`INSERT INTO t VALUES (3, 'c')`)
    const { events } = await reader.pullEvents(3)
    assert.equal(new Set(events.map(({ table }) => table)).size, 1)
  })

  it('name types as SQL does, and domains as what they are made of', async () => {
    const { database } = scene
    await database.commit(
      'CREATE DOMAIN price AS numeric(8,3)',
      'CREATE TABLE t (id int PRIMARY KEY, p price, v varchar(7), n numeric(5,1)[])',
    )
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 1, 'a', '{1}')`)
    const { events } = await reader.pullEvents(1)
    const { columns, database: name } = events[0]!.table
    assert.equal(name, database.name)
    assert.deepEqual(
      columns.map(({ nativeType }) => nativeType),
      ['integer', 'price', 'character varying(7)', 'numeric(5,1)[]'],
    )
    assert.deepEqual(columns[1]?.type, { kind: 'decimal', precision: 8, scale: 3 })
  })
}

function keys(scene: Scene): void {
  it('take up a key that is added, under every replica identity', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE f (id int NOT NULL); ALTER TABLE f REPLICA IDENTITY FULL; CREATE TABLE d (id int NOT NULL)',
    )
    const reader = await scene.begin()
    await database.commit('INSERT INTO f VALUES (1); INSERT INTO d VALUES (1)')
    await reader.pullEvents(2)
    await database.commit(
      'ALTER TABLE f ADD PRIMARY KEY (id); ALTER TABLE d ADD PRIMARY KEY (id)',
      'INSERT INTO f VALUES (2); INSERT INTO d VALUES (2)',
    )
    const { events } = await reader.pullEvents(4)
    assert.deepEqual(
      events.map(({ table }) => keyNames(table)),
      [[], [], ['id'], ['id']],
    )
  })

  it('are the same for rows that were written before a column of the key was renamed', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE d (a int, b int, v text, PRIMARY KEY (b, a)); CREATE TABLE f (a int, b int, v text, PRIMARY KEY (b, a))',
      'ALTER TABLE f REPLICA IDENTITY FULL',
    )
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await reader.stop()
    await database.commit(`INSERT INTO d VALUES (1, 2, 'x'); INSERT INTO f VALUES (1, 2, 'x')`)
    await database.commit(
      'ALTER TABLE d RENAME b TO c; ALTER TABLE f RENAME b TO c',
      'INSERT INTO f VALUES (3, 4)',
    )
    const events = await scene.replay(begin, 3)
    assert.deepEqual(
      events.map(({ table }) => keyNames(table)),
      [
        ['b', 'a'],
        ['b', 'a'],
        ['c', 'a'],
      ],
    )
  })

  it('know a deferrable key', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v int); ALTER TABLE t REPLICA IDENTITY FULL',
    )
    const reader = await scene.begin()
    await database.commit('INSERT INTO t VALUES (1, 1)')
    const { events } = await reader.pullEvents(1)
    assert.equal(events[0]?.table.deferrableKey, true)
  })
}
