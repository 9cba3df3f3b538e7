import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent } from '../../../core/types.ts'
import { encoded } from './encoded.ts'
import { keyNames, onEveryServer, rejection, type Scene, told } from './scene.ts'

// Shapes of tables change while one reader streams. Then the same log is read by another, from a copy of the slot that was made
// before: its catalog is that of today for rows of long ago. Both must tell the same, byte for byte.

onEveryServer('changes of shape', scene => {
  columns(scene)
  types(scene)
  tables(scene)
  droppedTypes(scene)
  renamedSchemas(scene)
  keys(scene)
  sessions(scene)
})

const END = -1

/** Commits these one after the other while one reader streams, and reads all again afterwards. Resolves to the events. */
async function readTwice(
  scene: Scene,
  setup: string,
  transactions: readonly string[],
): Promise<ChangeEvent[]> {
  const { database } = scene
  const copy = `${database.slot}_copy`
  await database.commit(`CREATE TABLE fin (id int PRIMARY KEY); ${setup}`)
  const first = await scene.begin()
  await first.stop()
  await database.query('SELECT pg_copy_logical_replication_slot($1, $2)', [database.slot, copy])
  const live = scene.reader(first.checkpoint)
  await live.pull()
  for (const [index, transaction] of transactions.entries()) {
    await database.commit(transaction)
    // So that the reader is no further behind than by one of them.
    if (index % 2 === 0) await database.commit(`INSERT INTO fin VALUES (${index})`)
    if (index % 2 === 0) await live.pullUntil(({ events }) => isEnd(events.at(-1), index))
  }
  await database.commit(`INSERT INTO fin VALUES (${END})`)
  await live.pullUntil(({ events }) => isEnd(events.at(-1), END))
  const later = scene.reader({}, { settings: { slot: copy, publication: database.slot } })
  await later.pullUntil(({ events }) => isEnd(events.at(-1), END))
  assert.deepEqual(await encoded(later.events), await encoded(live.events))
  assert.deepEqual(later.events.map(shape), live.events.map(shape))
  return live.events.filter(({ table }) => table.name !== 'fin')
}

const isEnd = (event: ChangeEvent | undefined, id: number): boolean =>
  event?.table.name === 'fin' && event.after?.[0] === id

const shape = ({ table }: ChangeEvent) => [
  keyNames(table),
  table.columns.map(({ name, type }) => [name, type]),
]

/** The row after, or before where there is none. */
const rows = (events: readonly ChangeEvent[]) => events.map(event => told(event)[2] ?? told(event)[1])

function columns(scene: Scene): void {
  it('take effect at the exact row: columns added, dropped, renamed, added again under an old name', async () => {
    const events = await readTwice(scene, 'CREATE TABLE t (id int PRIMARY KEY, a text)', [
      `INSERT INTO t VALUES (1, 'a')`,
      `BEGIN; INSERT INTO t VALUES (2, 'a'); ALTER TABLE t ADD b int DEFAULT 7; INSERT INTO t VALUES (3, 'a'); UPDATE t SET a = 'A' WHERE id = 1; COMMIT`,
      'ALTER TABLE t ADD c double precision DEFAULT random()',
      `INSERT INTO t VALUES (4, 'a', 4, 0.5)`,
      'ALTER TABLE t DROP a',
      'INSERT INTO t VALUES (5, 5, 0.5)',
      'ALTER TABLE t ADD a date',
      `INSERT INTO t VALUES (6, 6, 0.5, '1970-01-03')`,
      'ALTER TABLE t RENAME a TO z',
      `INSERT INTO t VALUES (7, 7, 0.5, '1970-01-04')`,
      'ALTER TABLE t ADD a text, DROP c',
      `INSERT INTO t VALUES (8, 8, NULL, 'again')`,
      `BEGIN; ALTER TABLE t RENAME b TO x; INSERT INTO t VALUES (9, 9, NULL, 'x'); ALTER TABLE t RENAME x TO b; ROLLBACK`,
      `INSERT INTO t VALUES (10, 10, NULL, 'b')`,
    ])
    assert.deepEqual(rows(events), [
      { id: 1, a: 'a' },
      { id: 2, a: 'a' },
      { id: 3, a: 'a', b: 7 },
      { id: 1, a: 'A', b: 7 },
      { id: 4, a: 'a', b: 4, c: 0.5 },
      { id: 5, b: 5, c: 0.5 },
      { id: 6, b: 6, c: 0.5, a: 2 },
      { id: 7, b: 7, c: 0.5, z: 3 },
      { id: 8, b: 8, z: null, a: 'again' },
      { id: 10, b: 10, z: null, a: 'b' },
    ])
  })
}

function types(scene: Scene): void {
  it('take effect at the exact row: types of columns, with and without a rewrite', async () => {
    const events = await readTwice(
      scene,
      'CREATE TABLE t (id int PRIMARY KEY, v int, n numeric(6,2), s varchar(5))',
      [
        `INSERT INTO t VALUES (1, 1, 1, 'a')`,
        'ALTER TABLE t ALTER v TYPE bigint',
        `INSERT INTO t VALUES (2, 5000000000, 2, 'a')`,
        'ALTER TABLE t ALTER n TYPE numeric(8,4), ALTER s TYPE text',
        `INSERT INTO t VALUES (3, 3, 3, 'long enough')`,
        'ALTER TABLE t ALTER v TYPE text USING v::text, ALTER id TYPE bigint',
        `INSERT INTO t VALUES (4, 'four', 4, 'a')`,
        `BEGIN; UPDATE t SET v = 'x' WHERE id = 1; ALTER TABLE t ALTER v TYPE boolean USING true; UPDATE t SET s = 'b' WHERE id = 1; COMMIT`,
      ],
    )
    assert.deepEqual(rows(events), [
      { id: 1, v: 1, n: '1.00', s: 'a' },
      { id: 2, v: 5_000_000_000, n: '2.00', s: 'a' },
      { id: 3, v: 3, n: '3.0000', s: 'long enough' },
      { id: 4, v: 'four', n: '4.0000', s: 'a' },
      { id: 1, v: 'x', n: '1.0000', s: 'a' },
      { id: 1, v: true, n: '1.0000', s: 'b' },
    ])
  })

  it('are those of rows as they were: values of enums, attributes of composites, constraints of domains', async () => {
    const events = await readTwice(
      scene,
      `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (x int, y text); CREATE DOMAIN price AS numeric(6,2);
       CREATE TABLE t (id int PRIMARY KEY, m mood, p pair, d price)`,
      [
        `INSERT INTO t VALUES (1, 'sad', (1, 'a'), 1)`,
        `ALTER TYPE mood ADD VALUE 'glad'`,
        `INSERT INTO t VALUES (2, 'glad', (2, 'b'), 2)`,
        `ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'`,
        `INSERT INTO t VALUES (3, 'blue', (3, 'c'), 3)`,
        'ALTER TYPE pair ADD ATTRIBUTE z int, DROP ATTRIBUTE x',
        `INSERT INTO t VALUES (4, 'ok', ('d', 4), 4)`,
        'ALTER TYPE mood RENAME TO feeling; ALTER TYPE pair RENAME TO couple; ALTER DOMAIN price RENAME TO cost',
        'ALTER DOMAIN cost ADD CHECK (VALUE > 0)',
        `INSERT INTO t VALUES (5, 'ok', ('e', 5), 5)`,
      ],
    )
    assert.deepEqual(rows(events), [
      { id: 1, m: 'sad', p: '(1,a)', d: '1.00' },
      { id: 2, m: 'glad', p: '(2,b)', d: '2.00' },
      { id: 3, m: 'blue', p: '(3,c)', d: '3.00' },
      { id: 4, m: 'ok', p: '(d,4)', d: '4.00' },
      { id: 5, m: 'ok', p: '(e,5)', d: '5.00' },
    ])
  })
}

function droppedTypes(scene: Scene): void {
  it('leave rows of types that were dropped since as the text that the server prints', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(6,2); CREATE TYPE pair AS (x int, y mood);
       CREATE TABLE t (id int PRIMARY KEY, m mood, d price, p pair, a int)`,
    )
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await reader.stop()
    await database.commit(`INSERT INTO t VALUES (1, 'ok', 1.5, (1, 'sad'), 7)`)
    await database.commit('DROP TABLE t', 'DROP TYPE pair', 'DROP TYPE mood', 'DROP DOMAIN price')
    const events = await scene.replay(begin, 1)
    assert.deepEqual(rows(events), [{ id: 1, m: 'ok', d: '1.50', p: '(1,sad)', a: 7 }])
    assert.deepEqual(
      events[0]?.table.columns.map(({ type }) => type.kind),
      ['int', 'string', 'string', 'string', 'int'],
    )
  })
}

function tables(scene: Scene): void {
  it('take effect at the exact row: tables renamed, moved to another schema, dropped and made again', async () => {
    const events = await readTwice(
      scene,
      'CREATE SCHEMA other; CREATE TABLE t (id int PRIMARY KEY, v text)',
      [
        `INSERT INTO t VALUES (1, 'a')`,
        `BEGIN; INSERT INTO t VALUES (2, 'a'); ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (3, 'a'); COMMIT`,
        'ALTER TABLE u SET SCHEMA other',
        `INSERT INTO other.u VALUES (4, 'a')`,
        `CREATE TABLE u (v text PRIMARY KEY)`,
        `BEGIN; INSERT INTO u VALUES ('b'); DROP TABLE u; CREATE TABLE u (w int PRIMARY KEY, x text); INSERT INTO u VALUES (1, 'c'); COMMIT`,
        `BEGIN; DROP TABLE u; ALTER TABLE other.u SET SCHEMA public; UPDATE u SET v = 'd' WHERE id = 1; COMMIT`,
        'DROP TABLE u',
      ],
    )
    assert.deepEqual(
      events.map(({ table }, index) => [`${table.schema}.${table.name}`, rows(events)[index]]),
      [
        ['public.t', { id: 1, v: 'a' }],
        ['public.t', { id: 2, v: 'a' }],
        ['public.u', { id: 3, v: 'a' }],
        ['other.u', { id: 4, v: 'a' }],
        ['public.u', { v: 'b' }],
        ['public.u', { w: 1, x: 'c' }],
        ['public.u', { id: 1, v: 'd' }],
      ],
    )
  })
}

function renamedSchemas(scene: Scene): void {
  it('take effect at the exact row: schemas renamed', async t => {
    const [server] = await scene.database.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    )
    if (server!.version < 160_000) return t.skip('the server goes on telling the old name')
    const events = await readTwice(scene, 'CREATE SCHEMA s; CREATE TABLE s.t (id int PRIMARY KEY, v text)', [
      `INSERT INTO s.t VALUES (1, 'a')`,
      'ALTER SCHEMA s RENAME TO r',
      `INSERT INTO r.t VALUES (2, 'a')`,
      `BEGIN; ALTER SCHEMA r RENAME TO q; INSERT INTO q.t VALUES (3, 'a'); COMMIT`,
    ])
    assert.deepEqual(
      events.map(({ table }) => table.schema),
      ['s', 'r', 'q'],
    )
  })
}

function keys(scene: Scene): void {
  it('take effect at the exact row: keys and replica identities, as far as the log tells them', async () => {
    const events = await readTwice(scene, 'CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL, c int)', [
      'INSERT INTO t VALUES (1, 1, 1)',
      'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b)',
      'INSERT INTO t VALUES (2, 2, 2)',
      'BEGIN; UPDATE t SET c = 3 WHERE b = 2; ALTER TABLE t RENAME b TO z; UPDATE t SET z = 3 WHERE z = 2; COMMIT',
      'CREATE UNIQUE INDEX by_a ON t (a); ALTER TABLE t ALTER a SET NOT NULL, REPLICA IDENTITY USING INDEX by_a',
      'DELETE FROM t WHERE z = 3',
      'ALTER TABLE t REPLICA IDENTITY FULL',
      'DELETE FROM t',
    ])
    assert.deepEqual(
      events.map(event => [event.op, ...keyNames(event.table)]),
      [
        ['c', 'a'],
        ['c', 'b'],
        ['u', 'b'],
        ['d', 'z'],
        ['c', 'z'],
        ['d', 'a'],
        ['d', 'z'],
      ],
    )
  })

  it('of a table that was dropped are known by the log, if that marks them', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (v text, id int PRIMARY KEY)')
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await reader.stop()
    await database.commit(`INSERT INTO t VALUES ('a', 1)`, 'DROP TABLE t')
    const [event] = await scene.replay(begin, 1)
    assert.deepEqual(keyNames(event!.table), ['id'])
  })

  for (const identity of ['FULL', 'NOTHING']) {
    it(`of a table that was dropped under ${identity} must be named, or the stream stops before its rows`, async () => {
      const { database } = scene
      await database.commit(
        `CREATE TABLE t (v text, id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY ${identity}; CREATE TABLE o (id int PRIMARY KEY)`,
      )
      const reader = await scene.begin()
      const begin = reader.checkpoint
      await reader.stop()
      await database.commit('INSERT INTO o VALUES (1)', `INSERT INTO t VALUES ('a', 1)`, 'DROP TABLE t')
      const stopped = scene.reader(begin)
      await stopped.pullUntil(({ events }) => events.length > 0)
      const { code, message } = await rejection(stopped.pull())
      assert.equal(code, 'KEY_UNKNOWN')
      assert.match(message, /public\.t \(v, id\).*REPLICA IDENTITY.*the table is gone/)
      await stopped.source.close()
      const named = await scene.replay(begin, 2, { settings: { keys: { 'public.t': ['id'] } } })
      assert.deepEqual(keyNames(named[1]!.table), ['id'])
      await database.commit('INSERT INTO o VALUES (2)')
      const without = await scene.replay(begin, 2, { settings: { tables: ['public.*', '!public.t'] } })
      assert.deepEqual(
        without.map(({ table }) => table.name),
        ['o', 'o'],
      )
    })
  }

  it('of a table that is dropped while it is read are those it had', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE t (v text, a int, b int, PRIMARY KEY (b, a)); ALTER TABLE t REPLICA IDENTITY FULL`,
    )
    const reader = await scene.begin()
    await database.commit(`INSERT INTO t VALUES ('a', 1, 1)`)
    await reader.pullEvents(1)
    await database.commit(
      `BEGIN; INSERT INTO t VALUES ('a', 2, 2); ALTER TABLE t ADD c int; INSERT INTO t VALUES ('a', 3, 3); DROP TABLE t; COMMIT`,
    )
    const { events } = await reader.pullEvents(3)
    assert.deepEqual(
      events.map(({ table }) => keyNames(table)),
      [
        ['b', 'a'],
        ['b', 'a'],
        ['b', 'a'],
      ],
    )
  })

  it('whose columns are gone must be named, or the stream stops before rows that have them', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t REPLICA IDENTITY FULL')
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await reader.stop()
    await database.commit(
      `INSERT INTO t VALUES (1, 'a')`,
      'ALTER TABLE t DROP id, ADD uuid uuid PRIMARY KEY DEFAULT gen_random_uuid()',
    )
    const stopped = scene.reader(begin)
    await stopped.pull()
    const { code, message } = await rejection(stopped.pull())
    assert.deepEqual([code, /the table has another key now/.test(message)], ['KEY_UNKNOWN', true])
    await stopped.source.close()
    const [event] = await scene.replay(begin, 1, { settings: { keys: { 'public.t': ['id'] } } })
    assert.deepEqual(keyNames(event!.table), ['id'])
  })

  it('that were replaced between a cut and its replay are noticed', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL); ALTER TABLE t REPLICA IDENTITY FULL',
    )
    const limits = { maxEvents: 4, maxBytes: 1 << 20 }
    const reader = await scene.begin({ limits })
    await database.commit(
      'INSERT INTO t SELECT n, n FROM generate_series(1, 3) n; UPDATE t SET a = a + 10; DELETE FROM t',
    )
    await reader.pullEvents(4)
    assert.equal(reader.batches.at(-1)?.complete, false)
    const cut = reader.checkpoint
    await reader.stop()
    const left = 12 - reader.events.length
    const rest = await scene.replay(cut, left, { limits })
    assert.equal(rest.map(({ op }) => op).join(''), 'cccdcdcdcddd'.slice(-left))
    await database.commit('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (b)')
    const again = scene.reader(cut, { limits })
    const { code, message } = await rejection(again.pullEvents(1))
    assert.deepEqual([code, /has a key been replaced/.test(message)], ['REPLAY_MISMATCH', true])
  })
}

function sessions(scene: Scene): void {
  it('take effect at the exact row while other sessions write', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, a int, b int DEFAULT 7)')
    const first = await scene.begin()
    await first.stop()
    await database.query('SELECT pg_copy_logical_replication_slot($1, $2)', [
      database.slot,
      `${database.slot}_copy`,
    ])
    const live = scene.reader(first.checkpoint)
    const writers = await Promise.all([1, 2, 3].map(() => database.connect()))
    const write = async (index: number) => {
      for (let count = 0; count < 60; count++) {
        const id = index * 1000 + count
        // Without naming columns that come and go.
        await writers[index]!.query(
          `INSERT INTO t (id, a) VALUES (${id}, 1); UPDATE t SET a = 2 WHERE id = ${id}`,
        )
      }
    }
    const alter = async () => {
      for (let count = 0; count < 12; count++) {
        await database.commit(`ALTER TABLE t DROP b, ADD b ${count % 2 ? 'int' : 'text'} DEFAULT 7`)
      }
      await Promise.all(writing)
      await database.commit(`INSERT INTO t (id) VALUES (${END})`)
    }
    const writing = [0, 1, 2].map(write)
    const isThrough = ({ events }: { events: readonly ChangeEvent[] }) => events.at(-1)?.after?.[0] === END
    await Promise.all([alter(), live.pullUntil(isThrough)])
    await Promise.all(writers.map(writer => writer.end()))
    const later = scene.reader(
      {},
      { settings: { slot: `${database.slot}_copy`, publication: database.slot } },
    )
    await later.pullUntil(isThrough)
    assert.equal(live.events.length, 3 * 60 * 2 + 1)
    assert.deepEqual(await encoded(later.events), await encoded(live.events))
    for (const { table, after } of live.events) {
      const kind = table.columns[2]?.type.kind
      assert.equal(after?.[2], kind === 'int' ? 7 : '7')
    }
  })
}
