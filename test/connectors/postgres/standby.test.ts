import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readPosition } from '../../../connectors/postgres/position.ts'
import type { Checkpoint, Finding } from '../../../core/types.ts'
import type { BatchReader } from '../../support/batch-reader.ts'
import { until } from '../../support/until.ts'
import type { TestDatabase } from './database.ts'
import { applyFix } from './own-server.ts'
import { rejection } from './scene.ts'
import { ask, type Pair, startPair } from './standby.ts'

describe('a standby of Postgres 18 as source', () => {
  it('is read, from a publication of its primary, and through its promotion', async () => {
    await using pair = await startPair()
    const { database, standby } = await pair.create()
    await refusesWithoutPublication(pair, standby)
    await database.commit(`CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    await pair.replayed()
    const reader = await begin(pair, standby)
    await database.commit('INSERT INTO t VALUES (1)')
    await reader.pullEvents(1)
    await pair.killPrimary()
    await pair.promote()
    // As a pipeline would: the server must see progress, and the promotion becomes part of the position.
    for (let id = 2; historyOf(reader.checkpoint)?.timeline !== 2; id++) {
      await ask(standby.url, `INSERT INTO t VALUES (${id})`)
      await reader.pullEvents(id)
    }
    reader.source.acknowledge(reader.checkpoint)
    await reader.stop()
    const told = reader.events.map(({ after }) => after?.[0])
    assert.deepEqual(
      told,
      told.map((_, index) => index + 1),
    )
    await ask(standby.url, 'INSERT INTO t VALUES (0)')
    const again = await (await pair.openFree(standby, reader.checkpoint)).pullEvents(1)
    assert.deepEqual(
      again.events.map(({ after, commit }) => [after?.[0], commit.coordinate.slice(0, 4)]),
      [[0, '0001']],
    )
    await again.stop()
  })

  it('goes on where it was after its primary was replaced', async () => {
    await using pair = await startPair()
    const { database, standby } = await pair.create()
    await database.commit(`CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    await pair.replayed()
    const reader = await begin(pair, standby)
    await database.commit('INSERT INTO t VALUES (1)')
    await reader.pullEvents(1)
    assert.equal(historyOf(reader.checkpoint)?.timeline, 1)
    await pair.replacePrimary()
    for (let id = 2; historyOf(reader.checkpoint)?.timeline !== 2; id++) {
      await ask(database.url, `INSERT INTO t VALUES (${id})`)
      await reader.pullEvents(id)
      // A standby notes its timeline now and then, and now.
      await ask(pair.primary.url, 'CHECKPOINT')
      await pair.replayed()
      await ask(standby.url, 'CHECKPOINT')
    }
    await reader.stop()
    await ask(database.url, 'INSERT INTO t VALUES (0)')
    const again = await (await pair.openFree(standby, reader.checkpoint)).pullEvents(1)
    assert.deepEqual(
      again.events.map(({ after, commit }) => [after?.[0], commit.coordinate.slice(0, 4)]),
      [[0, '0001']],
    )
    await again.stop()
  })

  it('tells what its slot waits for, and leaves nothing waiting when it is told to end', async () => {
    await using pair = await startPair()
    const { database, standby } = await pair.create()
    await database.commit(`CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    await pair.replayed()
    const reader = pair.open(standby)
    const pulling = assert.rejects(reader.pull(), /the stream has ended/)
    await until('it waits, and says for what', () =>
      String(reader.source.status().waitsFor).includes('SELECT pg_log_standby_snapshot()'),
    )
    await until('the slot is being made', async () => (await slots(standby)) === 1)
    await Promise.all([pulling, reader.stop()])
    await until('nothing waits any more, and no slot is left', async () => (await slots(standby)) === 0)
    const sessions = await ask(
      standby.url,
      `SELECT FROM pg_stat_activity WHERE application_name LIKE 'tributary %' AND query LIKE '%create_logical%'`,
    )
    assert.deepEqual(sessions, [])
  })

  it('loses its slot when its primary removes what that needs, and says what would have kept it', async () => {
    await using pair = await startPair({ hot_standby_feedback: 'off' })
    const { database, standby } = await pair.create()
    await database.commit(`CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    await pair.replayed()
    const source = standby.source()
    const warned = (await source.check()).find(({ subject }) => subject === 'hot_standby_feedback')
    assert.equal(warned?.severity, 'warning')
    for (const statement of warned?.fix?.split('; ') ?? []) await ask(standby.url, statement)
    await until('the fix has made the warning go', async () =>
      (await source.check()).every(({ subject }) => subject !== 'hot_standby_feedback'),
    )
    await source.close()
    for (const statement of ['ALTER SYSTEM SET hot_standby_feedback = off', 'SELECT pg_reload_conf()'])
      await ask(standby.url, statement)
    const reader = await begin(pair, standby)
    await database.commit('CREATE TABLE gone AS SELECT 1 AS id', 'DROP TABLE gone')
    // Rows of the tables that come and go may still be read meanwhile.
    const lost = rejection(reader.pullEvents(Number.POSITIVE_INFINITY))
    await until('the slot is invalidated', async () => {
      await database.commit(
        'CREATE TABLE gone AS SELECT 1 AS id',
        'DROP TABLE gone',
        'VACUUM pg_catalog.pg_class',
      )
      const rows = await ask(
        standby.url,
        'SELECT FROM pg_replication_slots WHERE invalidation_reason IS NOT NULL',
      )
      return rows.length === 1
    })
    // The server ends the stream, or refuses it when it is next read: then it says itself what has become of the slot.
    const { code, reaction } = await lost
    assert.ok(reaction === 'retry' || code === 'SLOT_LOST', code)
    await reader.source.close()
    const error = await rejection(pair.open(standby, reader.checkpoint).pull())
    assert.equal(error.code, 'SLOT_LOST')
    assert.match(error.message, /rows_removed.*hot_standby_feedback = on/)
  })
})

describe('a primary of Postgres 18 with a standby', () => {
  it('is told to keep the slot there, too; a slot that exists is changed, and then waits for the standby', async () => {
    await using pair = await startPair()
    const { database, standby } = await pair.create()
    const failover = { failover: true }
    const first = pair.open(database)
    await first.pull()
    await first.stop()
    await until('the slot is free', async () => (await problems(database)).join() === 'failover warning')
    const warned = await problemOf(database, 'synchronized_standby_slots', failover)
    await applyFix(database, warned)
    await until(
      'the fix has made the warning go',
      async () => (await problems(database, failover)).length === 0,
    )
    const reader = pair.open(database, first.checkpoint, failover)
    await reader.pull()
    assert.deepEqual(
      await ask(database.url, `SELECT failover FROM pg_replication_slots WHERE slot_type = 'logical'`),
      [{ failover: true }],
    )
    await pair.standby.kill('SIGINT')
    await database.commit('INSERT INTO t VALUES (1)')
    const pulling = reader.pullEvents(1)
    const heldBack = await problemOf(database, 'synchronized_standby_slots', failover)
    assert.match(heldBack.message, /names standby, which no standby reads: changes are held back/)
    await pair.standby.restart()
    await pulling
    await pair.replayed()
    assert.deepEqual(await ask(standby.url, 'SELECT id FROM t'), [{ id: 1 }])
    await reader.stop()
    // On the standby itself there can be none.
    assert.ok((await problems(standby, failover)).includes('failover failure'))
  })
})

async function problemOf(database: TestDatabase, subject: string, settings: object): Promise<Finding> {
  return (
    (await checked(database, settings)).find(finding => finding.subject === subject) ?? assert.fail(subject)
  )
}

const problems = async (database: TestDatabase, settings = {}): Promise<string[]> =>
  (await checked(database, settings)).map(({ subject, severity }) => `${subject} ${severity}`)

/** What is not in order. */
async function checked(database: TestDatabase, settings = {}): Promise<Finding[]> {
  const source = database.source({ settings })
  try {
    return (await source.check()).filter(({ severity }) => severity !== 'ok')
  } finally {
    await source.close()
  }
}

const historyOf = ({ stream }: Checkpoint) => readPosition(stream?.position ?? '').history

/** A slot on a standby is made when the primary has logged which transactions run. */
async function begin(pair: Pair, standby: TestDatabase): Promise<BatchReader> {
  const reader = pair.open(standby)
  let isRead = false
  const pulling = reader.pull().finally(() => {
    isRead = true
  })
  await until('the standby is read', async () => {
    await ask(pair.primary.url, 'SELECT pg_log_standby_snapshot()')
    return isRead
  })
  await pulling
  return reader
}

async function refusesWithoutPublication(pair: Pair, standby: TestDatabase): Promise<void> {
  const create = /CREATE PUBLICATION .* FOR ALL TABLES/
  const reader = pair.open(standby)
  const error = await rejection(reader.pull())
  assert.equal(error.code, 'PUBLICATION_MISSING')
  assert.match(error.message, create)
  const findings = await reader.source.check()
  await reader.source.close()
  const finding = findings.find(({ severity }) => severity === 'failure')
  assert.equal(finding?.code, 'PUBLICATION_MISSING')
  assert.match(finding?.fix ?? '', create)
}

async function slots({ url }: TestDatabase): Promise<number> {
  return (await ask(url, 'SELECT FROM pg_replication_slots')).length
}
