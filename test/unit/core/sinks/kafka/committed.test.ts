import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { crc32c } from '@node-rs/crc32'
import { committedBatches } from '../../../../../core/sinks/kafka/committed.ts'
import type { AbortedTransaction } from '../../../../../core/sinks/kafka/fetch.ts'
import { encodeRecordBatch } from '../../../../../core/sinks/kafka/record-encoder.ts'

// A log is written as `A1 B1 -A A2 +A`: a record of producer A with the value A1, B's B1, A aborts, A's A2, A commits.

const idOf = (name: string) => BigInt(name.charCodeAt(0))

function batchOf(word: string, offset: number): Buffer {
  const isMarker = /^[-+]/.test(word)
  const name = isMarker ? word[1]! : word[0]!
  const marker = { key: Buffer.from([0, 0, 0, word[0] === '+' ? 1 : 0]), value: Buffer.alloc(6) }
  const record = isMarker ? marker : { key: Buffer.alloc(4), value: Buffer.from(word) }
  const bytes = encodeRecordBatch([{ topic: 't', partition: 0, timestampMs: 0, ...record }], {
    id: idOf(name),
    epoch: 0,
    firstSequence: 0,
    transactional: true,
  })
  bytes.writeBigInt64BE(BigInt(offset), 0)
  if (isMarker) bytes.writeInt16BE(bytes.readInt16BE(21) | 0x20, 21)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21)), 17)
  return bytes
}

/** The aborted transactions that a broker would name for an answer that begins at this offset. */
function abortedIn(words: readonly string[], from: number): AbortedTransaction[] {
  const open = new Map<string, number>()
  const aborted: AbortedTransaction[] = []
  words.forEach((word, offset) => {
    const isMarker = /^[-+]/.test(word)
    const name = isMarker ? word[1]! : word[0]!
    if (!isMarker && !open.has(name)) open.set(name, offset)
    if (word[0] === '-' && offset >= from)
      aborted.push({ producerId: idOf(name), firstOffset: open.get(name)! })
    if (isMarker) open.delete(name)
  })
  return aborted
}

/** What is committed when the answer holds the offsets `from` to `to`, and where reading goes on. */
function read(log: string, from = 0, to = Number.POSITIVE_INFINITY) {
  const words = log.split(' ')
  const held = words.slice(from, to).map((word, index) => batchOf(word, from + index))
  const answer = {
    topic: 't',
    partition: 0,
    errorCode: 0,
    lastStableOffset: words.length,
    logStartOffset: 0,
    aborted: abortedIn(words, from),
    records: Buffer.concat(held),
  }
  const batches = [...committedBatches(answer, from)]
  return {
    values: batches.flatMap(({ records }) => records.map(({ value }) => String(value))).join(' '),
    nextOffset: batches.at(-1)?.nextOffset,
  }
}

describe('what is committed of a log', () => {
  const cases: readonly [string, string, string][] = [
    ['a commit', 'A1 A2 +A', 'A1 A2'],
    ['an abort', 'A1 A2 -A', ''],
    ['two aborts of one producer, then a commit', 'A1 -A A2 -A A3 +A', 'A3'],
    ['an abort, a commit and an abort of one producer', 'A1 -A A2 +A A3 -A', 'A2'],
    ['aborts of two producers that overlap', 'A1 B1 A2 -A B2 -B C1 +C', 'C1'],
    ['an abort around a commit of another', 'A1 B1 +B A2 -A', 'B1'],
    ['a commit around an abort of another', 'A1 B1 -B A2 +A', 'A1 A2'],
    ['two producers that abort in turn', 'A1 B1 -A A2 -B B2 +A -B A3 +A', 'A2 A3'],
  ]
  for (const [what, log, expected] of cases) {
    it(`is right for ${what}`, () => {
      assert.deepEqual(read(log), { values: expected, nextOffset: log.split(' ').length })
    })

    it(`is right for ${what}, wherever the answers are cut`, () => {
      const length = log.split(' ').length
      for (let cut = 1; cut < length; cut++) {
        const values = [read(log, 0, cut).values, read(log, cut).values].filter(text => text !== '').join(' ')
        assert.equal(values, expected, `cut at ${cut}`)
      }
    })
  }

  it('does not take a record with a key of four zero bytes for a marker', () => {
    // Every record of these tests has such a key; this one stands in the middle of an aborted transaction.
    assert.equal(read('A1 A2 A3 -A B1 +B').values, 'B1')
  })
})
