import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { maxRecordBytes } from '../../../../../core/sinks/kafka/record-encoder.ts'
import { RequestSplitter } from '../../../../../core/sinks/kafka/requests.ts'
import type { OutRecord } from '../../../../../core/types.ts'

const limits = { partitionBytes: 500, requestBytes: 1200, requestRecords: 9 }
const MAX_BATCH: Record<string, number> = { a: 10_000, b: 300 }

const anyRecord: fc.Arbitrary<OutRecord> = fc.record({
  topic: fc.constantFrom('a', 'b'),
  partition: fc.integer({ min: 0, max: 2 }),
  key: fc.constant(null),
  value: fc.integer({ min: 0, max: 600 }).map(size => Buffer.alloc(size)),
  timestampMs: fc.constant(0),
})

const cut = (records: readonly OutRecord[]) => {
  const splitter = new RequestSplitter(topic => MAX_BATCH[topic]!, limits)
  for (const record of records) splitter.add(record)
  return splitter.take()
}

describe('requests', () => {
  it('hold every record once, and each partition’s in their order', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 100 }), records => {
        const sent = cut(records).requests.flatMap(({ topics }) => topics.flatMap(({ messages }) => messages))
        assert.equal(sent.length, records.length)
        const of = (list: readonly OutRecord[], topic: string, partition: number) =>
          list.filter(record => record.topic === topic && record.partition === partition)
        for (const topic of ['a', 'b']) {
          for (const partition of [0, 1, 2]) {
            const pairs = of(sent, topic, partition).map((record, index) => [
              record,
              of(records, topic, partition)[index],
            ])
            assert.ok(pairs.every(([is, should]) => is === should))
          }
        }
      }),
    )
  })

  it('keep within the limits, unless a record alone is beyond one', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { maxLength: 100 }), records => {
        for (const { topics } of cut(records).requests) {
          const all = topics.flatMap(({ messages }) => messages)
          const bytesOf = (list: readonly OutRecord[]) =>
            list.reduce((sum, each) => sum + maxRecordBytes(each), 0)
          assert.ok(all.length <= limits.requestRecords)
          assert.ok(bytesOf(all) <= limits.requestBytes || all.length === 1)
          for (const { topic, messages, counts } of topics) {
            counts.forEach((count, partition) => {
              const held = messages.filter(record => record.partition === partition)
              assert.equal(held.length, count)
              assert.ok(
                held.length === 1 || bytesOf(held) <= Math.min(limits.partitionBytes, MAX_BATCH[topic]!),
              )
            })
          }
        }
      }),
    )
  })

  it('name the records that are larger than their topic accepts', () => {
    const record = (topic: string, size: number): OutRecord => ({
      topic,
      partition: 0,
      key: null,
      value: Buffer.alloc(size),
      timestampMs: 0,
    })
    const large = record('b', 400)
    assert.deepEqual(cut([record('a', 400), large, record('b', 100)]).oversized, [large])
  })

  it('begin anew after each cut', () => {
    const splitter = new RequestSplitter(() => 1_000, limits)
    assert.deepEqual(splitter.take(), { requests: [], oversized: [] })
    splitter.add({ topic: 'a', partition: 1, key: null, value: null, timestampMs: 0 })
    assert.equal(splitter.take().requests.length, 1)
    assert.deepEqual(splitter.take(), { requests: [], oversized: [] })
  })
})
