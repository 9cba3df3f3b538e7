import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Attempt, ConnectorRun } from '../../../core/connector-run.ts'
import { TributaryError } from '../../../core/errors.ts'
import { silentLogger } from '../../../core/log.ts'
import { createMetrics } from '../../../core/metrics.ts'
import { runConnectors } from '../../../core/runner.ts'
import type { Finding } from '../../../core/types.ts'
import { batch, event, table } from '../../support/events.ts'
import { FakeSource, HeldSink, namesEncoder } from '../../support/fake-parts.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'

const one = (name: string) => batch(`after ${name}`, { events: [event(table('users'), [1, name])] })

interface Parts {
  readonly source: FakeSource
  readonly sink: HeldSink
  findings: Finding[]
}

/** A connector whose attempts the test can reach, the first prepared by `prepare`. */
const connector = (name: string, options: { required?: boolean; prepare?: (parts: Parts) => void } = {}) => {
  const clock = new ManualClock()
  const attempts: Parts[] = []
  const metrics = createMetrics()
  const attempt = (): Attempt => {
    const parts: Parts = { source: new FakeSource(), sink: new HeldSink(), findings: [] }
    if (attempts.length === 0) options.prepare?.(parts)
    attempts.push(parts)
    return {
      ...parts,
      encoder: namesEncoder,
      checkServers: async () => parts.findings,
      close: async () => {},
    }
  }
  const run = new ConnectorRun({
    name,
    required: options.required ?? false,
    attempt,
    clock,
    log: silentLogger,
    metrics: metrics.connector(name),
  })
  return { run, clock, attempts, metrics }
}

const lost = new TributaryError('SOURCE_CONNECTION_LOST', 'gone')
const unknown = new TributaryError('PROTOCOL_UNKNOWN', 'message type 0x7a at 0/15')

describe('a connector', () => {
  it('begins again with fresh parts after a failure that passes, and closes the old ones', async () => {
    const { run, clock, attempts } = connector('shop', { prepare: ({ source }) => source.give(lost) })
    const stop = new AbortController()
    const ended = run.run(stop.signal)
    await settled()
    assert.equal(run.state, 'waiting')
    assert.equal(run.status().error?.code, 'SOURCE_CONNECTION_LOST')
    assert.equal(attempts[0]?.source.closed && attempts[0].sink.closed, true)
    await clock.pass(500)
    assert.equal(run.state, 'streaming')
    assert.equal(attempts.length, 2)
    assert.equal(run.status().restarts, 1)
    stop.abort()
    assert.equal(await ended, null)
    assert.equal(run.state, 'stopped')
  })

  it('waits longer after each failure, and from the beginning again after a write', async () => {
    const { run, clock, attempts } = connector('shop', { prepare: ({ source }) => source.give(lost) })
    void run.run(new AbortController().signal)
    await settled()
    await clock.pass(500)
    attempts[1]?.source.give(lost)
    await settled()
    await clock.pass(500)
    assert.equal(run.state, 'waiting')
    await clock.pass(500)
    assert.equal(run.state, 'streaming')
    await clock.pass(10)
    attempts[2]?.source.give(one('a'))
    await settled()
    attempts[2]?.sink.writes[0]?.settle()
    await settled()
    attempts[2]?.source.give(lost)
    await settled()
    await clock.pass(500)
    assert.equal(attempts.length, 4)
  })

  it('stays stopped after a failure that does not pass', async () => {
    const { run, clock, attempts } = connector('shop', { prepare: ({ source }) => source.give(unknown) })
    assert.equal(await run.run(new AbortController().signal), unknown)
    await clock.pass(60_000)
    assert.equal(attempts.length, 1)
    assert.equal(run.state, 'failed')
  })

  it('does not start when a check fails, and names every failure with its fix', async () => {
    const failure: Finding = {
      severity: 'failure',
      subject: 'wal_level',
      message: 'is replica.',
      fix: 'ALTER SYSTEM ...',
    }
    const { run, attempts } = connector('shop', {
      prepare: parts => {
        parts.source.findings = [failure]
        parts.findings.push({ ...failure, subject: 'topic shop.public.users' })
      },
    })
    const error = await run.run(new AbortController().signal)
    assert.equal(error?.code, 'CHECK_FAILED')
    assert.match(error.message, /wal_level: is replica. Fix: ALTER SYSTEM[\s\S]*topic shop/)
    assert.equal(attempts[0]?.source.from, null)
  })

  it('ends with the code of a finding that has one of its own', async () => {
    const { run } = connector('shop', {
      prepare: ({ source }) => {
        source.findings = [
          { severity: 'warning', subject: 'a', message: 'is odd.', code: 'SLOT_AHEAD' },
          { severity: 'failure', subject: 'b', message: 'is wrong.' },
          { severity: 'failure', subject: 'slot s', message: 'is lost.', code: 'SLOT_LOST' },
        ]
      },
    })
    const error = await run.run(new AbortController().signal)
    assert.equal(error?.code, 'SLOT_LOST')
    assert.match(error.message, /b: is wrong.\nslot s: is lost./)
  })

  it('stops at once while servers do not answer its checks', async () => {
    const { run, attempts } = connector('shop', {
      prepare: ({ source }) => Object.assign(source, { check: () => new Promise(() => {}) }),
    })
    const stop = new AbortController()
    const ended = run.run(stop.signal)
    await settled()
    stop.abort()
    assert.equal(await ended, null)
    assert.equal(attempts[0]?.source.closed, true)
  })

  it('fails by itself when its parts cannot be made', async () => {
    const { run } = connector('shop', {
      prepare: () => {
        throw unknown
      },
    })
    assert.equal(await run.run(new AbortController().signal), unknown)
    assert.equal(run.state, 'failed')
  })

  it('tells what it has read, holds and has written, and lags only while something is held', async () => {
    const { run, clock, attempts, metrics } = connector('shop')
    void run.run(new AbortController().signal)
    await settled()
    await clock.pass(10)
    attempts[0]?.source.give(one('a'))
    await settled()
    const held = run.status()
    assert.deepEqual([held.eventsRead, held.recordsWritten, held.held.records], [1, 0, 1])
    attempts[0]?.sink.writes[0]?.settle()
    await settled()
    const { recordsWritten, lagSeconds, checkpoint } = run.status()
    assert.deepEqual([recordsWritten, lagSeconds, checkpoint.stream?.position], [1, 0, 'after a'])
    const text = await metrics.text()
    assert.match(text, /tributary_events_total\{connector="shop",table="public.users",op="c"\} 1/)
    assert.match(text, /tributary_connector_state\{connector="shop",state="streaming"\} 1/)
  })
})

describe('the lag of a connector', () => {
  const committed = (name: string, timeUs: number) => {
    const { events, ...rest } = one(name)
    return { ...rest, events: events.map(each => ({ ...each, commit: { ...each.commit, timeUs } })) }
  }

  const read = async () => {
    const scene = connector('shop')
    void scene.run.run(new AbortController().signal)
    await settled()
    await scene.clock.pass(10)
    const give = async (name: string) => {
      scene.attempts.at(-1)?.source.give(committed(name, scene.clock.now() * 1_000))
      await settled()
    }
    return { ...scene, give, lag: () => scene.run.status().lagSeconds }
  }

  it('is the age of the oldest change that is held, not of the newest', async () => {
    const { clock, attempts, give, lag } = await read()
    await give('a')
    await clock.pass(1_000)
    await give('b')
    await clock.pass(2_000)
    await give('c')
    assert.equal(lag(), 3)
    attempts[0]?.sink.writes[0]?.settle()
    await settled()
    assert.equal(lag(), 2)
    attempts[0]?.sink.writes[1]?.settle()
    await settled()
    assert.equal(lag(), 0)
  })

  it('goes on growing while the connector waits, and is made anew once it reads', async () => {
    const { clock, attempts, give, lag, run } = await read()
    await give('a')
    attempts[0]?.sink.writes[0]?.settle(lost)
    await settled()
    assert.equal(run.state, 'waiting')
    // The wait is 375 to 500 ms.
    await clock.pass(300)
    assert.ok(lag() >= 0.3)
    await clock.pass(200)
    assert.equal(run.state, 'streaming')
    assert.equal(lag(), 0)
  })
})

describe('a worker', () => {
  it('keeps the others running when one connector fails', async () => {
    const bad = connector('bad', { prepare: ({ source }) => source.give(unknown) })
    const good = connector('good')
    const stop = new AbortController()
    const ended = runConnectors([bad.run, good.run], stop.signal)
    await settled()
    assert.deepEqual([bad.run.state, good.run.state], ['failed', 'streaming'])
    stop.abort()
    assert.deepEqual([...(await ended).errors], [['bad', unknown]])
  })

  it('ends when a required connector fails', async () => {
    const bad = connector('bad', { required: true, prepare: ({ source }) => source.give(unknown) })
    const good = connector('good')
    const { errors } = await runConnectors([bad.run, good.run], new AbortController().signal)
    assert.deepEqual([...errors.keys()], ['bad'])
    assert.equal(good.run.state, 'stopped')
  })

  it('ends when no connector is left', async () => {
    const bad = connector('bad', { prepare: ({ source }) => source.give(unknown) })
    const { errors } = await runConnectors([bad.run], new AbortController().signal)
    assert.equal(errors.size, 1)
  })
})
