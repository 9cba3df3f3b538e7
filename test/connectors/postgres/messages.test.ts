import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent, Checkpoint } from '../../../core/types.ts'
import { onEveryServer, type Scene } from './scene.ts'

onEveryServer('messages', scene => {
  places(scene)
  choices(scene)
  replays(scene)
})

const ALL = { settings: { messages: true } }

/** `m note hello` or `c 1`, in the order of the log. */
const told = ({ op, after }: ChangeEvent): string =>
  op === 'm'
    ? `m ${String(after?.[0])} ${Buffer.from(after?.[1] as Uint8Array)}`
    : `${op} ${String(after?.[0])}`

const emit = (isTransactional: boolean, prefix: string, content: string): string =>
  `SELECT pg_logical_emit_message(${isTransactional}, '${prefix}', '${content}')`

const place = ({ commit, ordinal }: ChangeEvent): string =>
  `${commit.coordinate}-${ordinal.toString(16).padStart(8, '0')}`

function places(scene: Scene): void {
  it('of a transaction stand at their place in it, and not at all if it is rolled back', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin(ALL)
    await database.commit(
      `BEGIN; INSERT INTO t VALUES (1); ${emit(true, 'note', 'one')}; INSERT INTO t VALUES (2);
       SAVEPOINT s; ${emit(true, 'note', 'undone')}; ROLLBACK TO s; ${emit(true, 'note', 'two')}; COMMIT`,
      `BEGIN; ${emit(true, 'note', 'never')}; ROLLBACK`,
      'INSERT INTO t VALUES (3)',
    )
    const { events } = await reader.pullEvents(5)
    assert.deepEqual(events.map(told), ['c 1', 'm note one', 'c 2', 'm note two', 'c 3'])
    assert.deepEqual(
      events.map(({ ordinal, tableOrdinal }) => [ordinal, tableOrdinal]),
      [
        [0, 0],
        [1, 0],
        [2, 1],
        [3, 1],
        [0, 0],
      ],
    )
    assert.equal(new Set(events.slice(0, 4).map(({ commit }) => commit)).size, 1)
    const { table, logPosition } = events[1]!
    assert.deepEqual([table.database, table.schema, table.name], [database.name, '', ''])
    assert.ok(logPosition > events[0]!.logPosition && logPosition <= events[2]!.logPosition)
  })

  it('of none come at once, in the order of the log, whatever becomes of the transaction around them', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin(ALL)
    const other = await database.connect()
    try {
      await other.query('BEGIN; INSERT INTO t VALUES (1)')
      const [row] = (await other.query(`${emit(false, 'now', 'a')}::text AS lsn`)).rows
      await other.query('INSERT INTO t VALUES (2)')
      // By itself the server flushes log only after seconds; any commit makes it do so.
      await database.commit('CREATE TABLE flush ()')
      await reader.pullEvents(1)
      await database.commit(`BEGIN; ${emit(false, 'now', 'b')}; INSERT INTO t VALUES (9); ROLLBACK`)
      await other.query('COMMIT')
      await database.commit(`BEGIN; ${emit(false, 'now', 'c')}; COMMIT`, 'DROP TABLE flush')
      const { events } = await reader.pullEvents(5)
      assert.deepEqual(events.map(told), ['m now a', 'm now b', 'c 1', 'c 2', 'm now c'])
      assert.deepEqual(events.map(place), events.map(place).toSorted())
      const [alone] = events as [ChangeEvent]
      assert.deepEqual(
        [alone.commit.id, alone.commit.source, alone.ordinal],
        ['', { txId: null, xmin: null }, 0],
      )
      assert.ok(Math.abs(alone.commit.timeUs / 1000 - Date.now()) < 3_600_000)
      // The function returns where the message ends, and so does the log.
      assert.equal(BigInt(alone.logPosition), lsnNumber(String(row.lsn)))
    } finally {
      await other.end()
    }
  })

  it('have a coordinate of their own when a commit stands right behind them', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin(ALL)
    await database.commit(`BEGIN; INSERT INTO t VALUES (1); ${emit(false, 'now', 'a')}; COMMIT`)
    const { events } = await reader.pullEvents(2)
    assert.deepEqual(events.map(told), ['m now a', 'c 1'])
    assert.ok(place(events[0]!) < place(events[1]!))
  })

  it('carry any bytes and any prefix, also none, and a megabyte', async () => {
    const { database } = scene
    const reader = await scene.begin(ALL)
    await database.query(`SELECT pg_logical_emit_message(true, $1, $2::bytea)`, [
      'prefix é 😀',
      Buffer.of(0, 255, 10),
    ])
    await database.query(`SELECT pg_logical_emit_message(false, '', ''::bytea)`)
    await database.query(`SELECT pg_logical_emit_message(true, 'big', repeat('x', 1 << 20))`)
    const { events } = await reader.pullEvents(3)
    assert.deepEqual(events[0]?.after, ['prefix é 😀', new Uint8Array([0, 255, 10])].map(bytesAsTheyCome))
    assert.deepEqual(events[1]?.after?.[0], '')
    const lengths = events.map(({ after }) => Buffer.from(after?.[1] as Uint8Array).length)
    assert.deepEqual(lengths, [3, 0, 1 << 20])
  })
}

const bytesAsTheyCome = (value: string | Uint8Array) =>
  typeof value === 'string' ? value : Buffer.from(value)

function choices(scene: Scene): void {
  it('are told by their prefix, and progress is made past the others', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin({ settings: { messages: ['outbox.*', 'audit'], heartbeatMs: 100 } })
    for (const isTransactional of [true, false]) {
      await database.commit(
        emit(isTransactional, 'outbox.orders', 'a'),
        emit(isTransactional, 'auditor', 'b'),
        emit(isTransactional, 'audit', 'c'),
      )
    }
    const { events } = await reader.pullEvents(4)
    assert.deepEqual(events.map(told), ['m outbox.orders a', 'm audit c', 'm outbox.orders a', 'm audit c'])
    const [before] = await database.query<{ lsn: string }>(`SELECT pg_current_wal_insert_lsn()::text AS lsn`)
    await database.commit(emit(false, 'other', 'd'), 'CREATE TABLE flush ()')
    const passed = () => {
      const { readLsn } = reader.source.status()
      return lsnNumber(String(readLsn)) > lsnNumber(before!.lsn)
    }
    await reader.pullUntil(passed)
    assert.equal(reader.events.length, 4)
  })

  it('do not come when they are not asked for', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin()
    await database.commit(emit(true, 'a', 'a'), emit(false, 'b', 'b'), 'INSERT INTO t VALUES (1)')
    assert.deepEqual((await reader.pullEvents(1)).events.map(told), ['c 1'])
  })
}

const lsnNumber = (lsn: string): bigint => {
  const [high = '0', low = '0'] = lsn.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

function replays(scene: Scene): void {
  it('are told once each, from the checkpoint of any batch on', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin({ ...ALL, limits: { maxEvents: 2, maxBytes: 1 << 20 } })
    const begin = reader.checkpoint
    const others = await Promise.all([database.connect(), database.connect()])
    await Promise.all(
      others.map((other, index) => other.query(`BEGIN; INSERT INTO t VALUES (${100 + index})`)),
    )
    for (let id = 1; id <= 4; id++) {
      await database.commit(
        emit(false, 'alone', `${id}`),
        `BEGIN; INSERT INTO t VALUES (${id}); ${emit(true, 'within', `${id}`)}; ${emit(false, 'amid', `${id}`)};
         INSERT INTO t VALUES (${id + 50}); ${emit(true, 'end', `${id}`)}; COMMIT`,
      )
      const other = others.shift()
      await other?.query('COMMIT')
      await other?.end()
    }
    const expected = 4 * 6 + 2
    await reader.pullEvents(expected)
    await reader.stop()
    const all = reader.events.map(place)
    assert.equal(all.length, expected)
    assert.deepEqual(all, all.toSorted())
    assert.equal(new Set(all).size, expected)
    await assertRest(scene, begin, reader.events)
    let count = 0
    for (const batch of reader.batches.slice(0, -1)) {
      count += batch.events.length
      if (count === expected || batch.events.length === 0) continue
      await assertRest(scene, batch.checkpoint, reader.events.slice(count))
    }
  })

  it('are not told again when they were acknowledged, also after a restart of the slot at its own place', async () => {
    const { database } = scene
    const reader = await scene.begin(ALL)
    await database.commit(emit(false, 'a', '1'), 'CREATE TABLE flush ()')
    await reader.pullEvents(1)
    reader.source.acknowledge(reader.checkpoint)
    await reader.stop()
    await database.commit(emit(false, 'a', '2'), 'DROP TABLE flush')
    assert.deepEqual((await scene.replay({}, 1, ALL)).map(told), ['m a 2'])
  })
}

async function assertRest(scene: Scene, from: Checkpoint, rest: readonly ChangeEvent[]): Promise<void> {
  const events = await scene.replay(from, rest.length, ALL)
  const line = (event: ChangeEvent) => [place(event), event.tableOrdinal, event.logPosition, told(event)]
  assert.deepEqual(events.map(line), rest.map(line))
}
