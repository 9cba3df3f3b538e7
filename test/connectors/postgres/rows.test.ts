import assert from 'node:assert/strict'
import { it } from 'node:test'
import { keyNames, onEveryServer, type Scene, told } from './scene.ts'

onEveryServer('rows', scene => {
  identities(scene)
  largeValues(scene)
  deferrableKeys(scene)
  truncates(scene)
  names(scene)
})

function identities(scene: Scene): void {
  it('carry what the replica identity logs of the old row', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE d (id int PRIMARY KEY, v text); CREATE TABLE f (id int PRIMARY KEY, v text);
      CREATE TABLE i (id int PRIMARY KEY, u int NOT NULL UNIQUE, v text);
      ALTER TABLE f REPLICA IDENTITY FULL; ALTER TABLE i REPLICA IDENTITY USING INDEX i_u_key`)
    const reader = await scene.begin()
    for (const table of ['d', 'f']) {
      await database.commit(
        `INSERT INTO ${table} VALUES (1, 'a'); UPDATE ${table} SET v = 'b'; DELETE FROM ${table}`,
      )
    }
    await database.commit(`INSERT INTO i VALUES (1, 2, 'a'); UPDATE i SET v = 'b'; DELETE FROM i`)
    const { events } = await reader.pullEvents(9)
    assert.deepEqual(events.map(told), [
      ['c', null, { id: 1, v: 'a' }],
      ['u', null, { id: 1, v: 'b' }],
      ['d', { id: 1, v: undefined }, null],
      ['c', null, { id: 1, v: 'a' }],
      ['u', { id: 1, v: 'a' }, { id: 1, v: 'b' }],
      ['d', { id: 1, v: 'b' }, null],
      ['c', null, { id: 1, u: 2, v: 'a' }],
      ['u', null, { id: 1, u: 2, v: 'b' }],
      ['d', { id: undefined, u: 2, v: undefined }, null],
    ])
    assert.deepEqual(
      [0, 3, 6].map(index => keyNames(events[index]!.table)),
      [['id'], ['id'], ['u']],
    )
  })

  it('are keyed in the order of the key, also under FULL and where the settings name another', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE d (a int, b int, c int, PRIMARY KEY (c, a)); CREATE TABLE f (a int, b int, c int, PRIMARY KEY (c, a));
      CREATE TABLE n (a int, b int); CREATE TABLE s (a int, b int);
      ALTER TABLE f REPLICA IDENTITY FULL; ALTER TABLE n REPLICA IDENTITY FULL; ALTER TABLE s REPLICA IDENTITY FULL`)
    const reader = await scene.begin({ settings: { keys: { 'public.s': ['b'] } } })
    await database.commit('INSERT INTO d VALUES (1, 2, 3); INSERT INTO f VALUES (1, 2, 3)')
    await database.commit('INSERT INTO n VALUES (1, 2); INSERT INTO s VALUES (1, 2); UPDATE s SET b = 3')
    const { events } = await reader.pullEvents(6)
    assert.deepEqual(
      events.map(({ table }) => keyNames(table)),
      [['c', 'a'], ['c', 'a'], [], ['b'], ['b'], ['b']],
    )
    assert.deepEqual(events.map(({ op }) => op).join(''), 'ccccdc')
  })

  it('of a table whose configured key is not logged stop the stream', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin({ settings: { keys: { 'public.t': ['v'] } } })
    await database.commit(`INSERT INTO t VALUES (1, 'a')`)
    await assert.rejects(reader.pull(), {
      code: 'CONFIG_INVALID',
      message: /public\.t.*REPLICA IDENTITY FULL/,
    })
  })
}

function largeValues(scene: Scene): void {
  it('lack a large value that stayed as it was, unless the old row has it', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE d (id int PRIMARY KEY, big text, n int); CREATE TABLE f (id int PRIMARY KEY, big text, n int);
      ALTER TABLE d ALTER big SET STORAGE EXTERNAL; ALTER TABLE f ALTER big SET STORAGE EXTERNAL;
      ALTER TABLE f REPLICA IDENTITY FULL`)
    const reader = await scene.begin()
    const big = 'x'.repeat(10_000)
    await database.commit(`INSERT INTO d VALUES (1, '${big}', 1); UPDATE d SET n = 2; UPDATE d SET id = 9`)
    await database.commit(`INSERT INTO f VALUES (1, '${big}', 1); UPDATE f SET n = 2`)
    const { events } = await reader.pullEvents(6)
    assert.deepEqual(events.map(told), [
      ['c', null, { id: 1, big, n: 1 }],
      ['u', null, { id: 1, big: undefined, n: 2 }],
      ['d', { id: 1, big: undefined, n: undefined }, null],
      ['c', null, { id: 9, big: undefined, n: 2 }],
      ['c', null, { id: 1, big, n: 1 }],
      ['u', { id: 1, big, n: 1 }, { id: 1, big, n: 2 }],
    ])
  })

  it('larger than a slab arrive whole, between small ones', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin()
    const text = `repeat('é', 3000000)`
    await database.commit(
      `INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, ${text}); INSERT INTO t VALUES (3, 'c')`,
    )
    const { events } = await reader.pullEvents(3)
    assert.equal(events[1]?.after?.[1], 'é'.repeat(3_000_000))
    assert.deepEqual([events[0]?.after?.[1], events[2]?.after?.[1]], ['a', 'c'])
  })
}

function deferrableKeys(scene: Scene): void {
  it('end with the truth for each key when all keys move up by one', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text); ALTER TABLE t REPLICA IDENTITY FULL`)
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')`)
    await database.commit('UPDATE t SET id = id + 1')
    await database.commit(`INSERT INTO t VALUES (100, 'last')`)
    await reader.pullUntil(({ events }) => events.at(-1)?.after?.[0] === 100)
    assert.deepEqual(await folded(scene, reader.events), { 2: 'a', 3: 'b', 4: 'c', 100: 'last' })
  })

  it('are deleted where the replica identity is another index, which tells less of them', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text); CREATE UNIQUE INDEX by_id ON t (id);
      ALTER TABLE t REPLICA IDENTITY USING INDEX by_id`)
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'a'); DELETE FROM t`, `INSERT INTO t VALUES (2, 'b')`)
    await reader.pullUntil(({ events }) => events.at(-1)?.after?.[0] === 2)
    assert.deepEqual(await folded(scene, reader.events), { 2: 'b' })
    assert.equal(reader.events[0]?.table.deferrableKey, false)
  })

  it('end with the truth for each key when two rows change places by way of a third', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'a'), (2, 'b')`)
    await database.commit(
      'UPDATE t SET id = 0 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = 0',
    )
    const { events } = await reader.pullEvents(8)
    assert.deepEqual(await folded(scene, events), { 1: 'b', 2: 'a' })
  })
}

/** What a consumer holds that keeps the last event of each key; compared with the table. */
async function folded(
  scene: Scene,
  events: Awaited<ReturnType<Scene['replay']>>,
): Promise<Record<string, unknown>> {
  const held = new Map<unknown, unknown>()
  for (const { op, before, after } of events) {
    if (op === 'd') held.delete(before?.[0])
    else held.set(after?.[0], after?.[1])
  }
  const rows = await scene.database.query<{ id: number; v: string }>('SELECT id, v FROM t ORDER BY id')
  assert.deepEqual(
    new Map(rows.map(({ id, v }) => [id, v])),
    new Map([...held].toSorted(([a], [b]) => Number(a) - Number(b))),
  )
  return Object.fromEntries(rows.map(({ id, v }) => [id, v]))
}

function truncates(scene: Scene): void {
  it('of every captured table are truncated by a cascade', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a);
      CREATE TABLE c (id int PRIMARY KEY REFERENCES a)`)
    const reader = await scene.begin({ settings: { tables: ['public.*', '!public.c'] } })
    await database.commit('TRUNCATE a CASCADE', 'INSERT INTO a VALUES (1)')
    const { events } = await reader.pullEvents(3)
    const seen = events.map(({ op, table, ordinal }) => `${op} ${table.name} ${ordinal}`)
    assert.deepEqual(seen, ['t a 0', 't b 1', 'c a 0'])
  })
}

function names(scene: Scene): void {
  it('keep names with capitals, quotes, spaces and emoji', async () => {
    const { database } = scene
    await database.commit(
      `CREATE SCHEMA "My ""Schema"""; CREATE TABLE "My ""Schema"""."Tä😀ble" ("I'd" int PRIMARY KEY, "Ünit" text)`,
    )
    const settings = { tables: ['My "Schema".*'], publication: `My "Pub"'s` }
    const reader = await scene.begin({ settings })
    await database.commit(`INSERT INTO "My ""Schema"""."Tä😀ble" VALUES (1, 'a')`)
    const { events } = await reader.pullEvents(1)
    assert.deepEqual(events.map(told), [['c', null, { "I'd": 1, Ünit: 'a' }]])
    assert.deepEqual([events[0]?.table.schema, events[0]?.table.name], ['My "Schema"', 'Tä😀ble'])
  })

  it('of partitions lack what their partition does not log, whatever the table promises', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE p (id int PRIMARY KEY, v text, big text) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
      ALTER TABLE p1 ALTER big SET STORAGE EXTERNAL; ALTER TABLE p REPLICA IDENTITY FULL; ALTER TABLE p2 REPLICA IDENTITY FULL`)
    const reader = await scene.begin({ settings: { tables: ['public.p'] } })
    await database.commit(`INSERT INTO p VALUES (1, 'a', repeat('x', 10000)), (11, 'b', NULL)`)
    await database.commit('UPDATE p SET id = id + 1', 'DELETE FROM p')
    const { events } = await reader.pullEvents(8)
    assert.deepEqual(events.slice(2).map(told), [
      ['d', { id: 1, v: undefined, big: undefined }, null],
      ['c', null, { id: 2, v: 'a', big: undefined }],
      ['d', { id: 11, v: 'b', big: undefined }, null],
      ['c', null, { id: 12, v: 'b', big: null }],
      ['d', { id: 2, v: undefined, big: undefined }, null],
      ['d', { id: 12, v: 'b', big: undefined }, null],
    ])
  })

  it('of partitions come under the name of their table', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE TABLE p2 (v text, id int NOT NULL); ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20)`)
    const reader = await scene.begin({ settings: { tables: ['public.p'] } })
    await database.commit(`INSERT INTO p VALUES (1, 'a'), (11, 'b')`, 'UPDATE p SET id = 12 WHERE id = 1')
    const { events } = await reader.pullEvents(4)
    assert.deepEqual(
      events.map(({ table }) => table.name),
      ['p', 'p', 'p', 'p'],
    )
    assert.deepEqual(events.map(({ op }) => op).join(''), 'ccdc')
    assert.deepEqual(told(events[3]!), ['c', null, { id: 12, v: 'a' }])
  })
}
