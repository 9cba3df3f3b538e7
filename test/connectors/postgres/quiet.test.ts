import assert from 'node:assert/strict'
import { it } from 'node:test'
import { parseLsn, readPosition } from '../../../connectors/postgres/position.ts'
import type { BatchReader } from '../../support/batch-reader.ts'
import { TestDatabase } from './database.ts'
import { onEveryServer, type Scene } from './scene.ts'

const HEARTBEAT_MS = 500
const settings = { tables: ['public.t'], heartbeatMs: HEARTBEAT_MS }

// failures.md S1: nothing is written to captured tables, so the slot never advances and the log grows.
onEveryServer('a quiet database', scene => {
  for (const [what, write] of [
    ['other tables of the database are', writeElsewhere],
    ['other databases of the server are', writeOtherDatabase],
  ] as const) {
    it(`lets log be removed while nothing but ${what} written`, async () => {
      const { database } = scene
      await database.commit(
        'CREATE TABLE t (id int PRIMARY KEY)',
        'CREATE TABLE elsewhere (id int, filler text)',
        `CREATE PUBLICATION ${database.slot} FOR TABLE t`,
      )
      const reader = await scene.begin({ settings })
      const before = await placesOf(scene)
      await write(scene, async () => {
        const { end } = await placesOf(scene)
        await acknowledgeUntil(scene, reader, ({ confirmed, restart }) => {
          return confirmed >= end && restart > before.restart
        })
      })
      const after = await placesOf(scene)
      assert.ok(after.restart > before.restart && after.confirmed > before.confirmed)
      assert.deepEqual(reader.events, [])
      await database.commit('INSERT INTO t VALUES (1)')
      await reader.pullEvents(1)
      await reader.stop()
      assert.equal((await scene.replay(reader.batches.at(-2)?.checkpoint ?? {}, 1)).length, 1)
    })
  }

  // failures.md S11: a lag that climbs while nothing happens is ignored when it matters.
  it('does not lag, and is told of no more often than a heartbeat', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY)',
      'CREATE TABLE elsewhere (id int, filler text)',
    )
    const reader = await scene.begin({ settings })
    const began = performance.now()
    for (let round = 0; round < 6; round++) {
      await writeElsewhere(scene, async () => undefined)
      const batch = await reader.pull()
      assert.deepEqual(batch.events, [])
      assert.ok(Number(reader.source.status().lagBytes) > 0)
      reader.source.acknowledge(batch.checkpoint)
      assert.equal(reader.source.status().lagBytes, 0)
    }
    const elapsedMs = performance.now() - began
    const heartbeats = Math.floor(elapsedMs / HEARTBEAT_MS) + 1
    assert.ok(reader.batches.length - 1 <= heartbeats, `${reader.batches.length} batches in ${elapsedMs} ms`)
  })
})

/** 2 MB of log, and what makes slots move on: the list of running transactions, which an idle server logs seldom. */
async function writeElsewhere({ database }: Scene, written: () => Promise<void>): Promise<void> {
  await database.commit(`INSERT INTO elsewhere SELECT n, repeat('x', 1000) FROM generate_series(1, 2000) n`)
  await database.commit('CHECKPOINT')
  await written()
}

async function writeOtherDatabase(scene: Scene, written: () => Promise<void>): Promise<void> {
  const { url } = scene.database
  const other = await TestDatabase.create(url)
  try {
    await other.commit('CREATE TABLE elsewhere (id int, filler text)')
    await writeElsewhere({ database: other } as Scene, written)
  } finally {
    await other.drop()
  }
}

interface Places {
  readonly restart: bigint
  readonly confirmed: bigint
  readonly end: bigint
}

async function placesOf({ database }: Scene): Promise<Places> {
  const [row] = await database.query<{ restart: string; confirmed: string; end: string }>(
    `SELECT restart_lsn::text AS restart, confirmed_flush_lsn::text AS confirmed, pg_current_wal_lsn()::text AS end
     FROM pg_replication_slots WHERE slot_name = $1`,
    [database.slot],
  )
  return {
    restart: parseLsn(row?.restart ?? ''),
    confirmed: parseLsn(row?.confirmed ?? ''),
    end: parseLsn(row?.end ?? ''),
  }
}

/** As a pipeline does: pull, make durable, acknowledge. */
async function acknowledgeUntil(
  scene: Scene,
  reader: BatchReader,
  holds: (places: Places) => boolean,
): Promise<void> {
  for (;;) {
    const places = await placesOf(scene)
    if (holds(places)) break
    const { checkpoint } = await reader.pull()
    reader.source.acknowledge(checkpoint)
    await scene.database.commit('CHECKPOINT')
  }
  const { lsn } = readPosition(reader.checkpoint.stream?.position ?? '')
  assert.ok(lsn >= (await placesOf(scene)).confirmed, 'the checkpoint has what the server may forget')
}
