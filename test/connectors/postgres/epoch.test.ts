import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { captureFingerprint } from '../../../connectors/postgres/names.ts'
import { readPosition } from '../../../connectors/postgres/position.ts'
import type { ChangeEvent, Checkpoint } from '../../../core/types.ts'
import type { BatchReader } from '../../support/batch-reader.ts'
import { until } from '../../support/until.ts'
import type { TestDatabase } from './database.ts'
import { onEveryServer, rejection, type Scene } from './scene.ts'
import { ask, type Pair, startPair } from './standby.ts'

const historyOf = ({ stream }: Checkpoint) => readPosition(stream?.position ?? '').history
const ids = (events: readonly ChangeEvent[]) => events.map(({ after }) => after?.[0])

onEveryServer('the history of', scene => {
  oldPositions(scene)
  otherSystems(scene)
})

function oldPositions(scene: Scene): void {
  it('a position without one is taken as this server’s, and the next position has it', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const first = await scene.begin()
    await first.stop()
    await database.commit('INSERT INTO t VALUES (1)')
    const { position } = first.checkpoint.stream ?? assert.fail()
    const old = { stream: { position: position.replace(/^2;(lsn=[^;]*).*/, '1;$1'), epoch: 3 } }
    assert.match(old.stream.position, /^1;lsn=[^;]+$/)
    const reader = await scene.reader(old).pullEvents(1)
    assert.deepEqual(historyOf(reader.checkpoint), historyOf(first.checkpoint))
    assert.equal(reader.checkpoint.stream?.epoch, 3)
    assert.match(reader.events[0]?.commit.coordinate ?? '', /^0003-/)
  })
}

function otherSystems(scene: Scene): void {
  it('another cluster is not that of the checkpoint: the connector stops, unless it is told to go on', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const first = await scene.begin()
    await first.stop()
    const system = historyOf(first.checkpoint)?.system ?? ''
    await database.commit('INSERT INTO t VALUES (1)')
    // As pg_upgrade leaves it: the slot is there, and at a later place than the checkpoint.
    const earlier = { stream: { position: '2;lsn=0/1;system=1;timeline=9', epoch: 1 } }
    for (const settings of [{}, { acceptSystem: '17' }]) {
      const error = await rejection(scene.reader(earlier, { settings }).pull())
      assert.equal(error.code, 'SYSTEM_CHANGED')
      assert.match(error.message, new RegExp(`system 1, and this server is system ${system}`))
    }
    const reader = await scene.reader(earlier, { settings: { acceptSystem: system } }).pullEvents(1)
    assert.deepEqual(ids(reader.events), [1])
    assert.match(reader.events[0]?.commit.coordinate ?? '', /^0002-/)
    assert.deepEqual(historyOf(reader.checkpoint), historyOf(first.checkpoint))
    await reader.stop()
    const cut = `;commit=0/1;xid=7;skip=1;capture=${captureFingerprint(['*.*'], {})}`
    const partly = { stream: { position: `${earlier.stream.position}${cut}`, epoch: 1 } }
    const error = await rejection(scene.reader(partly, { settings: { acceptSystem: system } }).pull())
    assert.equal(error.code, 'SYSTEM_CHANGED')
    assert.match(error.message, /transaction 7/)
  })
}

describe('a failover', () => {
  it('to a standby that has everything goes on, without loss or repeat, in a new epoch', async () => {
    await using pair = await startPair()
    const { reader, database } = await published(pair)
    await database.commit('INSERT INTO t VALUES (3)')
    await pair.replayed()
    await pair.killPrimary()
    await reader.source.close()
    await pair.promote()
    const promoted = database.on(pair.standby.url)
    const after = await pair.open(promoted, reader.checkpoint).pullEvents(1)
    await ask(promoted.url, 'INSERT INTO t VALUES (4)')
    await after.pullEvents(2)
    assert.deepEqual(ids(after.events), [3, 4])
    const coordinates = [...reader.events, ...after.events].map(({ commit }) => commit.coordinate)
    assert.deepEqual(coordinates, coordinates.toSorted())
    assert.deepEqual(
      coordinates.map(text => text.slice(0, 4)),
      ['0001', '0001', '0002', '0002'],
    )
    assert.equal(historyOf(after.checkpoint)?.timeline, 2)
    after.source.acknowledge(after.checkpoint)
    await after.stop()
    await ask(promoted.url, 'INSERT INTO t VALUES (5)')
    const again = await pair.openFree(promoted, after.checkpoint)
    await again.pullEvents(1)
    assert.deepEqual(ids(again.events), [5])
    assert.match(again.events[0]?.commit.coordinate ?? '', /^0002-/)
    await again.stop()
  })

  it('to a standby that lacks what is published stops the connector, however far its log has grown', async () => {
    await using pair = await startPair()
    const { reader, database } = await published(pair)
    await pair.standby.kill('SIGINT')
    await database.commit('INSERT INTO t VALUES (3)')
    await reader.pullEvents(3)
    await pair.killPrimary()
    await reader.source.close()
    await pair.standby.restart()
    await pair.promote()
    const { lsn } = readPosition(reader.checkpoint.stream?.position ?? '')
    const restored = database.on(pair.standby.url)
    await until('the log of the promoted server has outgrown the checkpoint', async () => {
      await ask(
        restored.url,
        'CREATE TABLE IF NOT EXISTS more (id int); INSERT INTO more SELECT generate_series(1, 1000)',
      )
      const [row] = await ask<{ lsn: string }>(
        restored.url,
        `SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::text AS lsn`,
      )
      return BigInt(row?.lsn ?? 0) > lsn
    })
    const error = await rejection(pair.open(restored, reader.checkpoint).pull())
    assert.equal(error.code, 'TIMELINE_DIVERGED')
    assert.match(
      error.message,
      /left timeline 1 at .* the checkpoint is at .* lacks changes that are published/,
    )
    // And back: a server on an older timeline than the checkpoint's has not seen its promotion.
    await pair.primary.restart()
    const promoted = reader.checkpoint.stream?.position.replace('timeline=1', 'timeline=2') ?? ''
    const back = await rejection(
      pair.open(database.on(pair.primary.url), { stream: { position: promoted, epoch: 2 } }).pull(),
    )
    assert.equal(back.code, 'TIMELINE_DIVERGED')
    assert.match(back.message, /is on timeline 1, of which timeline 2 is no part/)
  })
})

/** Two events are published from the primary, and the standby has a copy of the slot that holds what comes after. */
async function published(pair: Pair): Promise<{ reader: BatchReader; database: TestDatabase }> {
  const { database } = await pair.create()
  const reader = pair.open(database, {}, { failover: true })
  await reader.pull()
  await database.commit('INSERT INTO t VALUES (1)', 'INSERT INTO t VALUES (2)')
  await reader.pullEvents(2)
  await until('the standby has a copy of the slot that lasts', async () => {
    // The primary's slot must have moved past where the standby can hold one.
    await ask(database.url, 'SELECT pg_log_standby_snapshot()')
    await reader.pull()
    reader.source.acknowledge(reader.checkpoint)
    await ask(pair.standby.url, 'SELECT pg_sync_replication_slots()')
    const rows = await ask(
      pair.standby.url,
      'SELECT FROM pg_replication_slots WHERE synced AND NOT temporary',
    )
    return rows.length === 1
  })
  return { reader, database }
}
