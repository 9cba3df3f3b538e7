import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import fc from 'fast-check'
import { type LogRecord, readBatches, readRecords } from '../../../../../core/sinks/kafka/record-decoder.ts'
import { encodeRecordBatch, maxRecordBytes } from '../../../../../core/sinks/kafka/record-encoder.ts'
import type { OutRecord } from '../../../../../core/types.ts'

const producer = { id: 4_000_000_001n, epoch: 3, firstSequence: 77, transactional: true }

const bytes = fc.option(fc.uint8Array({ maxLength: 200 }))
const header = fc.tuple(
  fc.string({ minLength: 1, unit: 'grapheme' }).filter(name => name !== '__proto__'),
  fc.string({ unit: 'grapheme' }),
)
const outRecord: fc.Arbitrary<OutRecord> = fc
  .record({
    key: bytes,
    value: bytes,
    timestampMs: fc.integer({ min: 0, max: 8_000_000_000_000 }),
    headers: fc.array(header, { maxLength: 3 }),
  })
  .map(({ headers, ...rest }) => ({
    topic: 't',
    partition: 0,
    ...rest,
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
  }))
const records = fc.array(outRecord, { minLength: 1, maxLength: 40 })

const expected = (sent: readonly OutRecord[]) =>
  sent.map(({ key, value, headers = {}, timestampMs }, offset) => ({
    offset,
    timestampMs,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.entries(headers).map(([name, text]) => ({ name, value: Buffer.from(text) })),
  }))

/** Copies, so that views of pooled memory compare by content. */
const plain = (read: readonly LogRecord[]) => read.map(record => ({ ...record }))

describe('record batches', () => {
  it('come back as they were sent', () => {
    fc.assert(
      fc.property(records, sent => {
        const [batch, ...others] = readBatches(encodeRecordBatch(sent, producer))
        assert.equal(others.length, 0)
        assert.ok(batch?.isTransactional && !batch.isControl)
        assert.equal(batch.producerId, producer.id)
        assert.equal(batch.lastOffset, sent.length - 1)
        assert.deepEqual(plain(readRecords(batch, 0)), expected(sent))
      }),
    )
  })

  it('are read by the client’s own decoder as they were sent', async () => {
    const require = createRequire(import.meta.url)
    const Decoder = require('kafkajs/src/protocol/decoder')
    const decode = require('kafkajs/src/protocol/recordBatch/v0/decoder')
    // The client knows no zstd: below a kilobyte there is none.
    const short = fc.array(outRecord, { minLength: 1, maxLength: 2 })
    await fc.assert(
      fc.asyncProperty(short, async sent => {
        const batch = encodeRecordBatch(sent, producer)
        fc.pre((batch.readInt16BE(21) & 7) === 0)
        const read = await decode(new Decoder(batch))
        assert.deepEqual(
          read.records.map((record: Record<string, unknown>) => ({
            key: record.key,
            value: record.value,
            timestamp: record.timestamp,
          })),
          expected(sent).map(({ key, value, timestampMs }) => ({
            key,
            value,
            timestamp: String(timestampMs),
          })),
        )
        assert.equal(read.producerId, String(producer.id))
        assert.equal(read.firstSequence, producer.firstSequence)
        assert.equal(read.maxTimestamp, String(Math.max(...sent.map(({ timestampMs }) => timestampMs))))
      }),
    )
  })

  it('made by the client’s own encoder are read, compressed with gzip too', async () => {
    const require = createRequire(import.meta.url)
    const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
    const Record = require('kafkajs/src/protocol/recordBatch/record/v0')
    for (const compression of [0, 1]) {
      const made = await RecordBatch({
        compression,
        records: [0, 1, 2].map(offsetDelta =>
          Record({ offsetDelta, timestampDelta: 5, key: Buffer.from('k'), value: null, headers: { a: 'b' } }),
        ),
        firstTimestamp: 1_000,
        maxTimestamp: 1_005,
        producerId: 9,
        lastOffsetDelta: 2,
      })
      const [batch] = readBatches(made.buffer)
      const read = plain(readRecords(batch!, 1))
      assert.deepEqual(
        read.map(({ offset, timestampMs, key, value }) => [offset, timestampMs, String(key), value]),
        [
          [1, 1_005, 'k', null],
          [2, 1_005, 'k', null],
        ],
      )
      assert.deepEqual(read[0]?.headers, [{ name: 'a', value: Buffer.from('b') }])
    }
  })

  it('take no more room than was reckoned, and shrink by compression only', () => {
    fc.assert(
      fc.property(records, sent => {
        const limit = sent.reduce((sum, record) => sum + maxRecordBytes(record), 61)
        assert.ok(encodeRecordBatch(sent, producer).length <= limit)
      }),
    )
    const wide = { topic: 't', partition: 0, key: null, value: Buffer.alloc(100_000, 'ab'), timestampMs: 0 }
    assert.ok(encodeRecordBatch([wide], producer).length < 1_000)
  })

  it('that are cut at the end of an answer are left out', () => {
    const one = encodeRecordBatch(
      [{ topic: 't', partition: 0, key: null, value: null, timestampMs: 0 }],
      producer,
    )
    for (let cut = 0; cut < one.length; cut++) {
      assert.equal(readBatches(Buffer.concat([one, one.subarray(0, cut)])).length, 1)
    }
    assert.equal(readBatches(Buffer.concat([one, one])).length, 2)
  })

  it('with a flipped bit are refused', () => {
    const whole = encodeRecordBatch(
      [{ topic: 't', partition: 0, key: null, value: null, timestampMs: 0 }],
      producer,
    )
    for (let at = 21; at < whole.length; at++) {
      const flipped = Buffer.from(whole)
      flipped[at]! ^= 1
      assert.throws(() => readBatches(flipped), { code: 'PROTOCOL_MALFORMED' })
    }
    const older = Buffer.from(whole)
    older[16] = 1
    assert.throws(() => readBatches(older), { code: 'PROTOCOL_UNKNOWN' })
  })

  it('with lengths and counts that do not fit are refused, however sound their checksum', () => {
    const sent = { topic: 't', partition: 0, key: Buffer.of(1), value: Buffer.of(2), timestampMs: 0 }
    const whole = encodeRecordBatch([sent, sent], producer)
    // A record: length, attributes, timestamp, offset, key's length and byte, value's length and byte, headers.
    const lengthAt = 61
    const damages: [string, (bytes: Buffer) => void][] = [
      ['a record of negative length', bytes => bytes.set([1], lengthAt)],
      ['a record longer than the batch', bytes => bytes.set([126], lengthAt)],
      ['a key longer than its record', bytes => bytes.set([40], lengthAt + 4)],
      ['more headers than there are bytes', bytes => bytes.set([126], lengthAt + 8)],
      ['a number that never ends', bytes => bytes.fill(0xff, lengthAt)],
      ['more records than there are', bytes => bytes.writeInt32BE(0x7fffffff, 57)],
      ['records that are not compressed', bytes => bytes.writeInt16BE(1, 21)],
      ['records that are not compressed', bytes => bytes.writeInt16BE(4, 21)],
    ]
    for (const [damage, inflict] of damages) {
      const bytes = Buffer.from(whole)
      inflict(bytes)
      bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
      assert.throws(() => readRecords(readBatches(bytes)[0]!, 0), { code: 'PROTOCOL_MALFORMED' }, damage)
    }
    for (const length of [-0x80000000, -12, -1, 0, 48]) {
      const bytes = Buffer.from(whole)
      bytes.writeInt32BE(length, 8)
      assert.throws(() => readBatches(bytes), { code: 'PROTOCOL_MALFORMED' }, `a batch of ${length} bytes`)
    }
  })

  it('that the broker stamped with its own time have that time', () => {
    const sent = { topic: 't', partition: 0, key: null, value: null, timestampMs: 1 }
    const bytes = encodeRecordBatch([sent, sent], producer)
    bytes.writeInt16BE(bytes.readInt16BE(21) | 0x08, 21)
    bytes.writeBigInt64BE(1_700_000_000_000n, 35)
    bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
    const times = readRecords(readBatches(bytes)[0]!, 0).map(({ timestampMs }) => timestampMs)
    assert.deepEqual(times, [1_700_000_000_000, 1_700_000_000_000])
  })

  it('in a compression that cannot be read are named', () => {
    const batch = readBatches(
      encodeRecordBatch([{ topic: 't', partition: 0, key: null, value: null, timestampMs: 0 }], producer),
    )[0]!
    batch.bytes.writeInt16BE(2, 21)
    assert.throws(() => readRecords(batch, 0), { code: 'PROTOCOL_UNKNOWN', message: /snappy/ })
  })
})
