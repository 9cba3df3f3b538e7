import assert from 'node:assert/strict'
import { it } from 'node:test'
import { formatLsn, parseLsn, readPosition } from '../../../connectors/postgres/position.ts'
import type { Checkpoint } from '../../../core/types.ts'
import { until } from '../../support/until.ts'
import { onEveryServer, rejection, type Scene } from './scene.ts'

onEveryServer('the slot', scene => {
  starts(scene)
  acknowledges(scene)
  cuts(scene)
  refuses(scene)
})

const lsnOf = (checkpoint: Checkpoint): bigint => readPosition(checkpoint.stream?.position ?? '').lsn

async function confirmedLsn({ database }: Scene): Promise<bigint> {
  const [row] = await database.query<{ lsn: string }>(
    'SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = $1',
    [database.slot],
  )
  return parseLsn(row?.lsn ?? '')
}

function starts(scene: Scene): void {
  it('and publication are created when they are missing, and used again', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const first = await scene.begin()
    assert.equal(lsnOf(first.checkpoint), await confirmedLsn(scene))
    await first.stop()
    await database.commit('INSERT INTO t VALUES (1)')
    assert.equal((await scene.replay({}, 1)).length, 1)
    assert.equal((await scene.replay(first.checkpoint, 1)).length, 1)
    const [publication] = await database.query('SELECT puballtables, pubviaroot FROM pg_publication')
    assert.deepEqual(publication, { puballtables: true, pubviaroot: true })
  })

  it('is waited for while other transactions run, whatever limits the role has', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    for (const limit of ['lock_timeout', 'statement_timeout']) {
      await database.commit(`ALTER DATABASE ${database.name} SET ${limit} = '50ms'`)
    }
    const other = await database.connect()
    try {
      await other.query('BEGIN; SET LOCAL statement_timeout = 0; INSERT INTO t VALUES (1)')
      const beginning = scene.begin()
      await until('the slot is waited for, and for longer than that', async () => {
        const waiting = await database.query(
          `SELECT FROM pg_stat_activity WHERE query_start < clock_timestamp() - interval '200ms'
           AND application_name LIKE 'tributary %' AND datname = current_database() AND wait_event_type = 'Lock'`,
        )
        return waiting.length > 0
      })
      await other.query('COMMIT')
      assert.ok((await beginning).checkpoint.stream)
    } finally {
      await other.end()
    }
  })

  it('holds only the tables that are wanted, where not all are', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)')
    await scene.begin({ settings: { tables: ['public.*', '!public.b'] } })
    assert.deepEqual(await database.query('SELECT tablename FROM pg_publication_tables'), [
      { tablename: 'a' },
    ])
  })

  it('brings tables that are not wanted in vain, and progress goes on past them', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE PUBLICATION ${database.slot} FOR ALL TABLES`,
    )
    const reader = await scene.begin({ settings: { tables: ['public.a'], heartbeatMs: 100 } })
    const begin = lsnOf(reader.checkpoint)
    await database.commit(
      'INSERT INTO b SELECT generate_series(1, 1000); UPDATE b SET id = -id; DELETE FROM b; TRUNCATE b',
    )
    await reader.pullUntil(({ checkpoint }) => lsnOf(checkpoint) > begin)
    await database.commit('INSERT INTO a VALUES (1)')
    await reader.pullEvents(1)
    assert.equal(reader.events.length, 1)
  })
}

function acknowledges(scene: Scene): void {
  it('is told exactly what is durable, so that no commit beside it is lost', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id serial PRIMARY KEY)')
    const [one, two] = [await database.connect(), await database.connect()]
    try {
      for (let round = 0; round < 10; round++) {
        const reader = await scene.begin({ limits: { maxEvents: 1, maxBytes: 1 << 20 } })
        for (const session of [one, two]) await session.query('BEGIN; INSERT INTO t DEFAULT VALUES')
        // Commit records one directly behind the other: the end of the first is the beginning of the second.
        await Promise.all([one.query('COMMIT'), two.query('COMMIT')])
        await reader.pullEvents(1)
        const checkpoint = reader.checkpoint
        reader.source.acknowledge(checkpoint)
        await reader.stop()
        await until(
          'the server has noted it',
          async () => (await confirmedLsn(scene)) === lsnOf(checkpoint),
          5_000,
        )
        const rest = await scene.replay(checkpoint, 1)
        assert.notEqual(rest[0]?.commit.id, reader.events[0]?.commit.id)
        await catchUp(scene)
      }
    } finally {
      await Promise.all([one.end(), two.end()])
    }
  })

  it('moves on by progress without rows while the server is idle', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin({ settings: { heartbeatMs: 100 } })
    const begin = lsnOf(reader.checkpoint)
    await database.commit('CREATE TABLE other (id int)')
    await reader.pullUntil(({ checkpoint }) => lsnOf(checkpoint) > begin)
    reader.source.acknowledge(reader.checkpoint)
    const expected = lsnOf(reader.checkpoint)
    await until('the slot has moved', async () => (await confirmedLsn(scene)) >= expected, 5_000)
    assert.deepEqual(reader.events, [])
  })
}

/** Lets the slot pass everything there is. */
async function catchUp({ database }: Scene): Promise<void> {
  await until('the slot is free', async () => {
    const [row] = await database.query<{ active: boolean }>(
      'SELECT active FROM pg_replication_slots WHERE slot_name = $1',
      [database.slot],
    )
    return row?.active === false
  })
  await database.query('SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())', [database.slot])
}

function cuts(scene: Scene): void {
  it('is read again at a transaction that was cut, and its published events are left out', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const limits = { maxEvents: 1_000, maxBytes: 1 << 20 }
    const reader = await scene.begin({ limits })
    await database.commit('INSERT INTO t SELECT generate_series(1, 5000)')
    await reader.pullEvents(2_000)
    const published = reader.events.length
    const cut = reader.checkpoint
    assert.match(cut.stream?.position ?? '', new RegExp(`;skip=${published};`))
    await reader.stop()
    const rest = await scene.replay(cut, 5_000 - published, { limits })
    assert.deepEqual([rest[0]?.ordinal, rest[0]?.after?.[0]], [published, published + 1])
    assert.equal(rest.length, 5_000 - published)
  })

  it('stops the connector when the transaction that was cut is another one now', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin({ limits: { maxEvents: 1, maxBytes: 1 << 20 } })
    await database.commit('INSERT INTO t VALUES (1), (2)')
    await reader.pullEvents(1)
    await reader.stop()
    const position = reader.checkpoint.stream?.position ?? ''
    for (const forged of [position.replace(/xid=\d+/, 'xid=3'), position.replace(/skip=\d+/, 'skip=9')]) {
      const pull = scene.replay({ stream: { position: forged, epoch: 1 } }, 1)
      assert.equal((await rejection(pull)).code, 'REPLAY_MISMATCH')
    }
    // As earlier builds wrote it.
    const untraced = { stream: { position: position.replace(/;trace=\w+/, ''), epoch: 1 } }
    const error = await rejection(scene.replay(untraced, 1, { settings: { tables: ['public.t'] } }))
    assert.equal(error.code, 'REPLAY_MISMATCH')
    assert.match(error.message, /settings/)
  })

  it('goes on in a transaction that was cut under settings that mend its rest', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE b REPLICA IDENTITY FULL',
    )
    const limits = { maxEvents: 1, maxBytes: 1 << 20 }
    const reader = await scene.begin({ limits })
    await database.commit('INSERT INTO a VALUES (1), (2), (3); INSERT INTO b VALUES (4), (5)')
    await reader.pullEvents(1)
    await reader.stop()
    const cut = reader.checkpoint
    assert.match(cut.stream?.position ?? '', /;skip=1;/)
    await database.commit('DROP TABLE b')
    assert.equal((await rejection(scene.replay(cut, 4, { limits }))).code, 'KEY_UNKNOWN')
    for (const [settings, ids] of [
      [{ keys: { 'public.b': ['id'] } }, [2, 3, 4, 5]],
      [{ tables: ['*.*', '!public.b'] }, [2, 3]],
    ] satisfies [object, number[]][]) {
      const rest = await scene.replay(cut, ids.length, {
        limits,
        settings,
      })
      assert.deepEqual(
        rest.map(({ after }) => after?.[0]),
        ids,
      )
    }
    const settings = { tables: ['public.b'], keys: { 'public.b': ['id'] } }
    const error = await rejection(scene.replay(cut, 1, { limits, settings }))
    assert.equal(error.code, 'REPLAY_MISMATCH')
    assert.match(error.message, /settings/)
  })
}

function refuses(scene: Scene): void {
  it('that is missing, ahead, in use or unreadable ends the stream with its code', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin()
    const { checkpoint } = reader
    const inUse = await rejection(scene.reader(checkpoint).pull())
    assert.equal(inUse.code, 'SLOT_IN_USE')
    assert.match(
      inUse.message,
      new RegExp(`process \\d+ \\(tributary ${database.name}, user postgres, from 127.0.0.1\\)`),
    )
    await reader.stop()
    await database.commit('INSERT INTO t VALUES (1)')
    await catchUp(scene)
    const ahead = await rejection(scene.reader(checkpoint).pull())
    assert.equal(ahead.code, 'SLOT_AHEAD')
    assert.match(ahead.message, new RegExp(formatLsn(lsnOf(checkpoint))))
    await database.query('SELECT pg_drop_replication_slot($1)', [database.slot])
    assert.equal((await rejection(scene.reader(checkpoint).pull())).code, 'SLOT_MISSING')
    const unreadable = { stream: { position: '9;x', epoch: 1 } }
    assert.equal((await rejection(scene.reader(unreadable).pull())).code, 'POSITION_INVALID')
  })

  it('is not read at a checkpoint that lies after the end of the log, as it does when the server was restored', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin()
    await reader.stop()
    const later = formatLsn(lsnOf(reader.checkpoint) + (1n << 40n))
    const error = await rejection(scene.reader({ stream: { position: `1;lsn=${later}`, epoch: 1 } }).pull())
    assert.equal(error.code, 'REPLAY_MISMATCH')
    assert.match(error.message, new RegExp(`before the checkpoint at ${later}`))
  })

  it('that holds changes from before its publication stops the connector, on any version', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    // The server's warning is all that tells of it on newer versions.
    await database.commit(`ALTER DATABASE ${database.name} SET client_min_messages = error`)
    const reader = await scene.begin()
    await reader.stop()
    await database.commit(`DROP PUBLICATION ${database.slot}`, 'INSERT INTO t VALUES (1)')
    assert.equal((await rejection(scene.reader({}).pull())).code, 'PUBLICATION_MISSING')
    await database.commit(`CREATE PUBLICATION ${database.slot} FOR ALL TABLES`, 'INSERT INTO t VALUES (2)')
    const error = await rejection(scene.reader(reader.checkpoint).pullEvents(1))
    assert.equal(error.code, 'CHECK_FAILED')
    assert.match(error.message, /publication/)
  })
}
