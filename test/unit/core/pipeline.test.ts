import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type PipelineObserver, runPipeline } from '../../../core/pipeline.ts'
import type { Encoder } from '../../../core/types.ts'
import { at, batch, event, table } from '../../support/events.ts'
import { FakeSource, HeldSink, namesEncoder } from '../../support/fake-parts.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'

const users = table('users')
const one = (name: string) => batch(`after ${name}`, { events: [event(users, [1, name])] })
const quiet: PipelineObserver = { streaming: () => {}, read: () => {}, batched: () => {}, written: () => {} }

const setUp = async (encoder: Encoder = namesEncoder) => {
  const source = new FakeSource()
  const sink = new HeldSink(at('start'))
  const clock = new ManualClock()
  const stop = new AbortController()
  const limits = { targetRecords: 2, targetBytes: 1e6, maxRecords: 2, maxBytes: 1e6 }
  const done = runPipeline({ source, encoder, sink, clock, limits, observer: quiet }, stop.signal)
  done.catch(() => {})
  await settled()
  await clock.pass(10)
  return { source, sink, clock, stop, done }
}

describe('pipeline', () => {
  it('streams from where the sink stopped', async () => {
    const { source } = await setUp()
    await settled()
    assert.deepEqual(source.from, at('start'))
  })

  it('acknowledges nothing before it is durable', async () => {
    const { source, sink } = await setUp()
    source.give(one('a'))
    await settled()
    assert.deepEqual(source.acknowledged, [])
    sink.writes[0]?.settle()
    await settled()
    assert.deepEqual(source.acknowledged, [at('after a')])
  })

  it('saves progress without rows', async () => {
    const { source, sink } = await setUp()
    source.give(batch('later'))
    await settled()
    assert.deepEqual(sink.writes[0], { ...sink.writes[0], values: [], checkpoint: at('later') })
  })

  it('does not pull while its buffer is full', async () => {
    const { source, sink, clock } = await setUp()
    source.give(...['a', 'b', 'c', 'd', 'e'].map(one))
    await settled()
    assert.equal(source.waiting, 2)
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.equal(source.waiting, 0)
  })

  it('writes and acknowledges what is buffered before it ends on request', async () => {
    const { source, sink, clock, stop, done } = await setUp()
    source.give(one('a'), one('b'))
    await settled()
    stop.abort()
    sink.writes[0]?.settle()
    await clock.pass(10)
    sink.writes[1]?.settle()
    await done
    assert.deepEqual(source.acknowledged, [at('after a'), at('after b')])
  })

  it('ends with the error of a failed write, and acknowledges nothing of it', async () => {
    const { source, sink, done } = await setUp()
    source.give(one('a'))
    await settled()
    sink.writes[0]?.settle(new Error('no broker'))
    await assert.rejects(done, /no broker/)
    assert.deepEqual(source.acknowledged, [])
  })

  it('ends with the error of the source, after what came before it is durable', async () => {
    const { source, sink, clock, done } = await setUp()
    source.give(one('a'), one('b'), new Error('unknown event'))
    await settled()
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.deepEqual(sink.writes[1]?.values, ['b'])
    sink.writes[1]?.settle()
    await assert.rejects(done, /unknown event/)
    assert.deepEqual(source.acknowledged, [at('after a'), at('after b')])
  })

  it('holds events back while the encoder waits, and ends in order when stopped meanwhile', async () => {
    let waits = 0
    const { source, sink, stop, done } = await setUp({
      ...namesEncoder,
      prepare: (_batch, signal) => {
        waits++
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        )
      },
    })
    source.give(one('a'))
    await settled()
    assert.equal(waits, 1)
    stop.abort()
    await done
    assert.equal(sink.writes.length, 0)
  })

  it('tells why a write failed, also when a batch was being prepared meanwhile', async () => {
    const shape = Promise.withResolvers<void>()
    let prepared = 0
    const encoder: Encoder = {
      ...namesEncoder,
      prepare: () => (prepared++ === 2 ? shape.promise : undefined),
    }
    const { source, sink, done } = await setUp(encoder)
    source.give(one('a'), one('b'))
    await settled()
    sink.writes[0]?.settle(new Error('the broker is away'))
    await settled()
    shape.resolve()
    await assert.rejects(done, { message: 'the broker is away' })
    assert.equal(sink.writes.length, 1)
  })

  it('does not wait for a sink that does not open once it is to stop', async () => {
    const stop = new AbortController()
    const sink = Object.assign(new HeldSink(), { open: () => new Promise<never>(() => {}) })
    const source = new FakeSource()
    const parts = { source, sink, encoder: namesEncoder, clock: new ManualClock(), observer: quiet }
    const done = runPipeline(parts, stop.signal)
    stop.abort()
    await done
    assert.equal(source.from, null)
  })
})
