import assert from 'node:assert/strict'
import { it } from 'node:test'
import { keyNames, onEveryServer, type Scene, told } from './scene.ts'

onEveryServer('publications', scene => {
  parts(scene)
  generated(scene)
  schemas(scene)
})

function parts(scene: Scene): void {
  it('with a row filter tell rows that come into it as created, and those that leave it as deleted', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY, v text, live boolean); ALTER TABLE t REPLICA IDENTITY FULL',
      `CREATE PUBLICATION ${database.slot} FOR TABLE t WHERE (live)`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO t VALUES (1, 'a', true), (2, 'b', false)`,
      'UPDATE t SET live = NOT live',
      `UPDATE t SET v = 'c'`,
      'DELETE FROM t',
    )
    const { events } = await reader.pullEvents(5)
    assert.deepEqual(events.map(told), [
      ['c', null, { id: 1, v: 'a', live: true }],
      ['d', { id: 1, v: 'a', live: true }, null],
      ['c', null, { id: 2, v: 'b', live: true }],
      ['u', { id: 2, v: 'b', live: true }, { id: 2, v: 'c', live: true }],
      ['d', { id: 2, v: 'c', live: true }, null],
    ])
  })

  it('with a list of columns tell these, under the same key', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (secret text, b int, v text, a int, PRIMARY KEY (a, b))',
      `CREATE PUBLICATION ${database.slot} FOR TABLE t (v, a, b)`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO t VALUES ('s', 1, 'v', 2)`,
      `UPDATE t SET secret = 't'`,
      'UPDATE t SET a = 3',
      'ALTER TABLE t RENAME b TO z',
      'DELETE FROM t',
    )
    const { events } = await reader.pullEvents(5)
    assert.deepEqual(events.map(told), [
      ['c', null, { b: 1, v: 'v', a: 2 }],
      ['u', null, { b: 1, v: 'v', a: 2 }],
      ['d', { b: 1, v: undefined, a: 2 }, null],
      ['c', null, { b: 1, v: 'v', a: 3 }],
      ['d', { z: 1, v: undefined, a: 3 }, null],
    ])
    assert.deepEqual(
      events.map(({ table }) => keyNames(table).join()),
      ['a,b', 'a,b', 'a,b', 'a,b', 'a,z'],
    )
  })
}

function generated(scene: Scene): void {
  it('leave generated columns out where the server does not send them', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, v text)',
      `CREATE PUBLICATION ${database.slot} FOR ALL TABLES`,
    )
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t (id, v) VALUES (1, 'a')`, `UPDATE t SET v = 'b'`, 'DELETE FROM t')
    const { events } = await reader.pullEvents(3)
    assert.deepEqual(events.map(told), [
      ['c', null, { id: 1, v: 'a' }],
      ['u', null, { id: 1, v: 'b' }],
      ['d', { id: 1, v: undefined }, null],
    ])
  })

  it('tell stored generated columns where they say so, and virtual ones never', async t => {
    const { database } = scene
    const [server] = await database.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    )
    if (server!.version < 180_000) return t.skip('the server has no such publications')
    await database.commit(
      `CREATE TABLE t (b int, s int GENERATED ALWAYS AS (b + 1) STORED, w int GENERATED ALWAYS AS (b + 2) VIRTUAL, a int, PRIMARY KEY (a, b))`,
      `CREATE PUBLICATION ${database.slot} FOR ALL TABLES WITH (publish_generated_columns = stored)`,
    )
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await database.commit('INSERT INTO t (a, b) VALUES (1, 2)', 'UPDATE t SET b = 3')
    await reader.pullEvents(3)
    await reader.stop()
    await database.commit('ALTER TABLE t RENAME b TO z', 'DELETE FROM t')
    const events = await scene.replay(begin, 4)
    assert.deepEqual(events.map(told), [
      ['c', null, { b: 2, s: 3, a: 1 }],
      ['d', { b: 2, s: undefined, a: 1 }, null],
      ['c', null, { b: 3, s: 4, a: 1 }],
      ['d', { z: 3, s: undefined, a: 1 }, null],
    ])
    assert.deepEqual(
      events.map(({ table }) => keyNames(table).join()),
      ['a,b', 'a,b', 'a,b', 'a,z'],
    )
  })
}

function schemas(scene: Scene): void {
  it('keep tables of one name in several schemas apart', async () => {
    const { database } = scene
    await database.commit(
      `CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE a.t (id int PRIMARY KEY, v text); CREATE TABLE b.t (v int, id text CONSTRAINT b_pkey PRIMARY KEY);
       CREATE TABLE t (x int PRIMARY KEY)`,
    )
    const reader = await scene.begin({ settings: { keys: { 'b.t': ['id'] } } })
    await database.commit(
      `BEGIN; INSERT INTO a.t VALUES (1, 'x'); INSERT INTO b.t VALUES (1, 'x'); INSERT INTO t VALUES (1); UPDATE b.t SET v = 2; COMMIT`,
      'BEGIN; ALTER TABLE a.t RENAME TO s; ALTER TABLE b.t SET SCHEMA a; UPDATE a.t SET v = 3; COMMIT',
    )
    const { events } = await reader.pullEvents(5)
    assert.deepEqual(
      events.map(({ table, tableOrdinal }) => [
        `${table.schema}.${table.name}`,
        keyNames(table).join(),
        tableOrdinal,
      ]),
      [
        ['a.t', 'id', 0],
        ['b.t', 'id', 0],
        ['public.t', 'x', 0],
        ['b.t', 'id', 1],
        ['a.t', 'id', 0],
      ],
    )
    assert.deepEqual(told(events[4]!)[2], { v: 3, id: 'x' })
  })
}
