import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { GroupWriter } from '../../../core/group-writer.ts'
import type { WriteLimits } from '../../../core/write-buffer.ts'
import { batch, record } from '../../support/events.ts'
import { HeldSink } from '../../support/fake-parts.ts'
import { ManualClock, settled } from '../../support/manual-clock.ts'

const setUp = (
  limits: WriteLimits = { targetRecords: 3, targetBytes: 1e6, maxRecords: 3, maxBytes: 1e6 },
) => {
  const sink = new HeldSink()
  const clock = new ManualClock()
  const durable: string[] = []
  const failures: unknown[] = []
  const writer = new GroupWriter({
    sink,
    clock,
    limits,
    minIntervalMs: 10,
    onDurable: write => durable.push(write.checkpoint.stream?.position ?? ''),
    onFailure: error => failures.push(error),
  })
  const add = (value: string, complete = true) =>
    writer.add([record(value)], batch(`after ${value}`, { complete }))
  return { sink, clock, writer, add, durable, failures }
}

describe('group writer', () => {
  it('writes the first transaction at once, and what comes meanwhile together', async () => {
    const { sink, clock, add, durable } = setUp()
    add('a')
    await settled()
    add('b')
    add('c')
    assert.deepEqual(
      sink.writes.map(write => write.values),
      [['a']],
    )
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.deepEqual(
      sink.writes.map(write => write.values),
      [['a'], ['b', 'c']],
    )
    assert.deepEqual(sink.writes[1]?.checkpoint, { stream: { position: 'after c', epoch: 1 } })
    assert.deepEqual(durable, ['after a'])
  })

  it('goes on with what is buffered when a write ends, without waiting for another batch', async () => {
    const { sink, clock, add } = setUp()
    add('a')
    await settled()
    add('b')
    await clock.pass(50)
    sink.writes[0]?.settle()
    await settled()
    assert.equal(sink.writes.length, 2)
  })

  it('does not begin a write sooner than the interval after the last one began', async () => {
    const { sink, clock, add } = setUp()
    add('a')
    await settled()
    sink.writes[0]?.settle()
    await settled()
    add('b')
    await clock.pass(9)
    assert.equal(sink.writes.length, 1)
    await clock.pass(1)
    assert.equal(sink.writes.length, 2)
  })

  it('holds back a transaction whose end has not come', async () => {
    const { sink, add } = setUp()
    add('a1', false)
    await settled()
    assert.equal(sink.writes.length, 0)
    add('a2')
    await settled()
    assert.deepEqual(sink.writes[0]?.values, ['a1', 'a2'])
  })

  it('cuts a transaction that fills the buffer by itself, with the position inside it', async () => {
    const { sink, add } = setUp()
    for (const value of ['a1', 'a2', 'a3']) add(value, false)
    await settled()
    assert.deepEqual(sink.writes[0]?.values, ['a1', 'a2', 'a3'])
    assert.equal(sink.writes[0]?.checkpoint.stream?.position, 'after a3')
  })

  it('lets a transaction grow beyond what a write of small ones holds', async () => {
    const { sink, writer, add } = setUp({ targetRecords: 2, targetBytes: 1e6, maxRecords: 4, maxBytes: 1e6 })
    for (const value of ['a1', 'a2', 'a3']) add(value, false)
    await settled()
    assert.deepEqual([writer.isFull, sink.writes.length], [false, 0])
    add('a4', false)
    await settled()
    assert.deepEqual(sink.writes[0]?.values, ['a1', 'a2', 'a3', 'a4'])
  })

  it('goes on in pieces of the usual size once a transaction is cut, and keeps the next one whole again', async () => {
    const limits = { targetRecords: 2, targetBytes: 1e6, maxRecords: 4, maxBytes: 1e6 }
    const { sink, clock, add, writer } = setUp(limits)
    for (const value of ['a1', 'a2', 'a3', 'a4']) add(value, false)
    await settled()
    for (const value of ['a5', 'a6']) add(value, false)
    assert.equal(writer.isFull, true)
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.deepEqual(sink.writes[1]?.values, ['a5', 'a6'])
    add('a7')
    for (const value of ['b1', 'b2', 'b3']) add(value, false)
    sink.writes[1]?.settle()
    await clock.pass(10)
    assert.deepEqual(sink.writes[2]?.values, ['a7'])
    sink.writes[2]?.settle()
    await clock.pass(10)
    assert.equal(sink.writes.length, 3)
  })

  it('is full by what headers hold, too', async () => {
    const { add, writer } = setUp({ targetRecords: 100, targetBytes: 1000, maxRecords: 100, maxBytes: 1000 })
    add('a')
    await settled()
    writer.add([record('b', { headers: { text: 'x'.repeat(1000) } })], batch('after b'))
    assert.equal(writer.isFull, true)
  })

  it('does not cut a transaction because others fill the buffer', async () => {
    const { sink, clock, add } = setUp()
    add('a')
    await settled()
    add('b')
    add('c')
    add('d1', false)
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.deepEqual(sink.writes[1]?.values, ['b', 'c'])
    sink.writes[1]?.settle()
    await clock.pass(10)
    assert.equal(sink.writes.length, 2)
  })

  it('makes the reader wait while the buffer is full, until the next write takes it', async () => {
    const { sink, clock, writer, add } = setUp()
    for (const value of ['a', 'b', 'c', 'd']) {
      add(value)
      await settled()
    }
    assert.equal(writer.isFull, true)
    let room = false
    const waiting = writer.room().then(() => (room = true))
    await settled()
    assert.equal(room, false)
    sink.writes[0]?.settle()
    await clock.pass(10)
    await waiting
    assert.deepEqual(writer.held.records, 3)
  })

  it('writes nothing after a failure, and tells it to who waits', async () => {
    const { sink, clock, writer, add, failures } = setUp()
    for (const value of ['a', 'b', 'c', 'd']) {
      add(value)
      await settled()
    }
    const waiting = assert.rejects(writer.room(), /broken/)
    sink.writes[0]?.settle(new Error('broken'))
    await waiting
    await assert.rejects(writer.drain(), /broken/)
    await clock.pass(100)
    assert.equal(sink.writes.length, 1)
    assert.equal(failures.length, 1)
  })

  it('drains what is complete and leaves the rest', async () => {
    const { sink, clock, writer, add } = setUp()
    add('a')
    await settled()
    add('b')
    add('c1', false)
    let drained = false
    const draining = writer.drain().then(() => (drained = true))
    sink.writes[0]?.settle()
    await clock.pass(10)
    assert.equal(drained, false)
    sink.writes[1]?.settle()
    await draining
    assert.deepEqual(
      sink.writes.map(write => write.values),
      [['a'], ['b']],
    )
  })
})
