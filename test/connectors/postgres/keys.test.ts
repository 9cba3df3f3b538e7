import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent } from '../../../core/types.ts'
import { published } from './encoded.ts'
import { fields, keyNames, onEveryServer, type Scene, told } from './scene.ts'

const LARGE = 'x'.repeat(9_000)
const MARKER = '__debezium_unavailable_value'
const MISSING = { unavailable: 't,j,b' }

onEveryServer('keys', scene => {
  indexes(scene)
  identities(scene)
  unchanged(scene)
  shifts(scene)
})

const opsOf = (events: readonly ChangeEvent[]): string => events.map(({ op }) => op).join('')

function indexes(scene: Scene): void {
  it('are the columns of the primary key in its order, and of no other index', async () => {
    const { database } = scene
    const keys: Readonly<Record<string, readonly string[]>> = {
      ordered: ['c', 'a'],
      including: ['b', 'a'],
      including_full: ['b', 'a'],
      nothing: ['b', 'a'],
      by_index: ['b', 'c'],
      by_expression: [],
      by_part: [],
      by_unique: [],
      by_second: ['a'],
    }
    await database.commit(
      `CREATE TABLE ordered (a int, b int, c int, PRIMARY KEY (c, a));
       CREATE TABLE including (a int, b int, c int, PRIMARY KEY (b, a) INCLUDE (c));
       CREATE TABLE including_full (LIKE including INCLUDING ALL); ALTER TABLE including_full REPLICA IDENTITY FULL;
       CREATE TABLE nothing (LIKE including INCLUDING ALL); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
       CREATE TABLE by_index (a int, b int NOT NULL, c int NOT NULL);
       CREATE UNIQUE INDEX by_index_key ON by_index (c, b) INCLUDE (a);
       ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_key;
       CREATE TABLE by_expression (a int, b int, c int); CREATE UNIQUE INDEX ON by_expression ((a + b));
       CREATE TABLE by_part (a int, b int, c int); CREATE UNIQUE INDEX ON by_part (a) WHERE b > 0;
       CREATE TABLE by_unique (a int NOT NULL UNIQUE, b int, c int);
       CREATE TABLE by_second (a int PRIMARY KEY, b int NOT NULL UNIQUE, c int);
       ALTER TABLE by_expression REPLICA IDENTITY FULL; ALTER TABLE by_part REPLICA IDENTITY FULL;
       ALTER TABLE by_unique REPLICA IDENTITY FULL; ALTER TABLE by_second REPLICA IDENTITY FULL`,
    )
    const reader = await scene.begin()
    await database.commit(...Object.keys(keys).map(name => `INSERT INTO ${name} VALUES (1, 2, 3)`))
    const { events } = await reader.pullEvents(Object.keys(keys).length)
    const found = Object.fromEntries(events.map(({ table }) => [table.name, keyNames(table)]))
    assert.deepEqual(found, keys)
  })

  it('change with included columns only as a row does', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (a int, b int, c int, PRIMARY KEY (b, a) INCLUDE (c))')
    const reader = await scene.begin()
    await database.commit(
      'INSERT INTO t VALUES (1, 2, 3)',
      'UPDATE t SET c = 4',
      'UPDATE t SET b = 5',
      'DELETE FROM t',
    )
    const { events } = await reader.pullEvents(5)
    assert.deepEqual(events.slice(1).map(told), [
      ['u', null, { a: 1, b: 2, c: 4 }],
      ['d', { a: 1, b: 2, c: undefined }, null],
      ['c', null, { a: 1, b: 5, c: 4 }],
      ['d', { a: 1, b: 5, c: undefined }, null],
    ])
  })

  it('that the settings name are followed, under FULL and where an index is the replica identity', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE f (id int PRIMARY KEY, host text, at int); ALTER TABLE f REPLICA IDENTITY FULL;
       CREATE TABLE i (id int PRIMARY KEY, host text NOT NULL, at int NOT NULL, UNIQUE (host, at));
       ALTER TABLE i REPLICA IDENTITY USING INDEX i_host_at_key`,
    )
    const keys = { 'public.f': ['at', 'host'], 'public.i': ['at', 'host'] }
    const reader = await scene.begin({ settings: { keys } })
    for (const table of ['f', 'i']) {
      await database.commit(
        `INSERT INTO ${table} VALUES (1, 'a', 1)`,
        `UPDATE ${table} SET id = 2`,
        `UPDATE ${table} SET at = 2`,
        `DELETE FROM ${table}`,
      )
    }
    const records = await published((await reader.pullEvents(10)).events)
    const seen = records.map(({ op, key }) => `${op} ${JSON.stringify(key)}`)
    const one = '{"at":1,"host":"a"}'
    const two = '{"at":2,"host":"a"}'
    const expected = [`c ${one}`, `u ${one}`, `d ${one}`, `c ${two}`, `d ${two}`]
    assert.deepEqual(seen, [...expected, ...expected])
  })
}

function identities(scene: Scene): void {
  it('are in the row before, whatever the replica identity logs of it', async () => {
    const { database } = scene
    const tables = ['by_default', 'by_full', 'by_index']
    await database.commit(
      `CREATE TABLE by_default (v text, b int, a int, PRIMARY KEY (a, b)); CREATE TABLE by_full (LIKE by_default INCLUDING ALL);
       CREATE TABLE by_index (LIKE by_default INCLUDING ALL); CREATE UNIQUE INDEX wider ON by_index (b, a);
       ALTER TABLE by_full REPLICA IDENTITY FULL; ALTER TABLE by_index REPLICA IDENTITY USING INDEX wider`,
    )
    const reader = await scene.begin()
    for (const table of tables) {
      await database.commit(
        `INSERT INTO ${table} VALUES ('x', 1, 2)`,
        `UPDATE ${table} SET v = NULL`,
        `UPDATE ${table} SET a = 3`,
        `DELETE FROM ${table}`,
      )
    }
    const records = await published((await reader.pullEvents(15)).events)
    for (const index of tables.keys()) {
      const keys = records
        .slice(5 * index, 5 * index + 5)
        .map(({ op, key }) => `${op} ${JSON.stringify(key)}`)
      const [old, moved] = ['{"a":2,"b":1}', '{"a":3,"b":1}']
      assert.deepEqual(keys, [`c ${old}`, `u ${old}`, `d ${old}`, `c ${moved}`, `d ${moved}`], tables[index])
    }
  })

  it('are missing where there is none: such rows come whole, without a key', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (a int, b text); ALTER TABLE t REPLICA IDENTITY FULL')
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'x'), (1, 'x')`, `UPDATE t SET a = 2`, 'DELETE FROM t')
    const records = await published((await reader.pullEvents(6)).events)
    assert.deepEqual(new Set(records.map(({ key }) => key)), new Set([null]))
    assert.equal(records.map(({ op }) => op).join(''), 'ccuudd')
    assert.deepEqual(records[2]?.before, { a: 1, b: 'x' })
  })
}

function unchanged(scene: Scene): void {
  const columns = `id int PRIMARY KEY, n int, t text, j jsonb, b bytea`
  const external = 'ALTER t SET STORAGE EXTERNAL, ALTER j SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL'
  const row = `(1, 1, '${LARGE}', to_jsonb('${LARGE}'::text), '\\x${'ab'.repeat(9_000)}')`

  it('large values that an update left alone are filled from the row before, else marked and listed', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE d (${columns}); ALTER TABLE d ${external}; CREATE TABLE f (${columns}); ALTER TABLE f ${external};
       ALTER TABLE f REPLICA IDENTITY FULL`,
    )
    const reader = await scene.begin()
    for (const table of ['d', 'f']) {
      await database.commit(
        `INSERT INTO ${table} VALUES ${row}`,
        `UPDATE ${table} SET n = 2`,
        `UPDATE ${table} SET id = 2`,
      )
    }
    const { events } = await reader.pullEvents(8)
    const records = await published(events)
    const [created, updated, , moved] = records.slice(0, 4)
    const marked = updated?.after
    assert.deepEqual(marked, { id: 1, n: 2, t: MARKER, j: MARKER, b: MARKER })
    assert.deepEqual([created?.headers, updated?.headers, moved?.headers], [{}, MISSING, MISSING])
    assert.deepEqual(moved?.after, { ...marked, id: 2 })
    const [whole, filled, gone, arrived] = records.slice(4)
    assert.deepEqual(filled?.after, { ...whole?.after, n: 2 })
    assert.deepEqual(filled?.before, whole?.after)
    assert.deepEqual(gone?.before, filled?.after)
    assert.deepEqual(arrived?.after, { ...filled?.after, id: 2 })
    for (const { headers } of records.slice(4)) assert.deepEqual(headers, {})
  })

  it('large values are marked where the row before is only a key, and told when they have changed', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE i (id int PRIMARY KEY, u int NOT NULL UNIQUE, t text, n int); ALTER TABLE i ALTER t SET STORAGE EXTERNAL;
       ALTER TABLE i REPLICA IDENTITY USING INDEX i_u_key`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO i VALUES (1, 1, '${LARGE}', 1)`,
      'UPDATE i SET u = 2',
      `UPDATE i SET t = t || 'y'`,
      'UPDATE i SET t = NULL',
    )
    const { events } = await reader.pullEvents(5)
    assert.equal(opsOf(events), 'cdcuu')
    const [, gone, moved, ...rest] = await published(events)
    assert.deepEqual(
      [gone?.before, gone?.headers],
      [{ id: null, u: 1, t: MARKER, n: null }, { unavailable: 'id,t,n' }],
    )
    assert.deepEqual([moved?.after, moved?.headers], [{ id: 1, u: 2, t: MARKER, n: 1 }, { unavailable: 't' }])
    assert.deepEqual(
      rest.map(({ after, headers }) => [after?.t, headers]),
      [
        [`${LARGE}y`, {}],
        [null, {}],
      ],
    )
  })
}

/** What a consumer holds that keeps the last event of each key. */
function folded(events: readonly ChangeEvent[]): Record<string, unknown> {
  const held = new Map<string, unknown>()
  for (const { table, op, before, after } of events) {
    const keyOf = (row: Record<string, unknown>) =>
      keyNames(table)
        .map(name => row[name])
        .join()
    const [old, row] = [fields(table, before), fields(table, after)]
    if (op === 'd' && old) held.delete(keyOf(old))
    else if (row) held.set(keyOf(row), row.v)
  }
  return Object.fromEntries([...held].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function shifts(scene: Scene): void {
  it('that are shifted, swapped and turned round within one statement end with the truth for each key', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE t (g int, id int, v text, PRIMARY KEY (id, g) DEFERRABLE INITIALLY DEFERRED); ALTER TABLE t REPLICA IDENTITY FULL`,
    )
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t SELECT n % 2, n, 'v' || n FROM generate_series(1, 20) n`)
    const changes = [
      'UPDATE t SET id = id + 2',
      'UPDATE t SET id = id - 2',
      'UPDATE t SET id = CASE id WHEN 3 THEN 5 WHEN 5 THEN 3 ELSE id END',
      'UPDATE t SET id = CASE id WHEN 2 THEN 4 WHEN 4 THEN 6 WHEN 6 THEN 2 ELSE id END, v = v',
      'UPDATE t SET g = 1 - g',
      `BEGIN; UPDATE t SET id = id + 2; DELETE FROM t WHERE id = 10; UPDATE t SET v = v || 'w'; UPDATE t SET id = id - 2; COMMIT`,
      `BEGIN; SAVEPOINT s; UPDATE t SET id = id + 4; ROLLBACK TO s; UPDATE t SET id = id + 2 WHERE id > 10; INSERT INTO t VALUES (0, 11, 'new');
       DELETE FROM t WHERE id > 18; COMMIT`,
    ]
    const truth = async () => {
      const rows = await database.query<{ key: string; v: string }>(
        `SELECT id || ',' || g AS key, v FROM t ORDER BY 1`,
      )
      return Object.fromEntries(rows.map(({ key, v }) => [key, v]).toSorted(([a], [b]) => (a! < b! ? -1 : 1)))
    }
    for (const [index, change] of changes.entries()) {
      await database.commit(change, `INSERT INTO t VALUES (9, ${1000 + index}, 'end ${index}')`)
      await reader.pullUntil(({ events }) => events.at(-1)?.after?.[2] === `end ${index}`)
      assert.deepEqual(folded(reader.events), await truth(), change)
    }
  })

  it('that several rows have at once, until the commit is near, end with the truth', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text); ALTER TABLE t REPLICA IDENTITY FULL',
    )
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES (1, 'a'), (2, 'c'), (5, 'b')`)
    const moves = ['a', 'c', 'b', 'a'].map(
      (v, index) => `UPDATE t SET id = ${[5, 5, 6, 7][index]} WHERE v = '${v}'`,
    )
    await database.commit(`BEGIN; ${moves.join('; ')}; COMMIT`, `INSERT INTO t VALUES (9, 'end')`)
    const { events } = await reader.pullUntil(({ events }) => events.at(-1)?.after?.[0] === 9)
    assert.deepEqual(folded(events), { 5: 'c', 6: 'b', 7: 'a', 9: 'end' })
  })
}
