import { crc32c } from '@node-rs/crc32'
import { TributaryError } from '../../../core/errors.ts'
import { foldCheckpoint } from '../../../core/sinks/kafka/checkpoint.ts'
import { committedBatches } from '../../../core/sinks/kafka/committed.ts'
import { readFetchResponse } from '../../../core/sinks/kafka/fetch.ts'
import { readMetadataResponse } from '../../../core/sinks/kafka/metadata.ts'
import { encodeRecordBatch } from '../../../core/sinks/kafka/record-encoder.ts'
import { writeFetchResponse, writeMetadataResponse } from '../../support/kafka-responses.ts'
import { CANARY, type Input, type Target } from '../target.ts'
import { HOSTILE_TEXTS } from './hostile.ts'

const BATCH_HEADER_BYTES = 61
/** The most that a compressed block of three or four bytes becomes. */
const COMPRESSION = 128 << 10

/** Answers of brokers, and the checkpoint that is read from one. */
export function kafkaTargets(recorded: readonly Input[]): Target[] {
  return [
    {
      name: 'fetched records',
      turns: 30,
      codes: ['PROTOCOL_UNKNOWN', 'PROTOCOL_MALFORMED', 'KAFKA_UNREACHABLE'],
      corpus: [...madeAnswers(), ...recorded],
      hostile: HOSTILE_TEXTS.map(text => [hostileAnswer(text)]),
      isSequence: false,
      growth: COMPRESSION,
      read: ([payload = Buffer.alloc(0)]) => {
        // With its checksum wrong an answer is refused at once; mended, the damage gets as far as the records.
        for (const mend of [false, true]) readAnswer(payload, mend)
      },
    },
    {
      name: 'metadata',
      turns: 5,
      codes: ['PROTOCOL_MALFORMED'],
      corpus: [[writeMetadataResponse(['shop.public.orders', 'shop.checkpoint'])]],
      hostile: [[writeMetadataResponse(Array.from({ length: 10_000 }, (_, index) => `t${index}`))]],
      isSequence: false,
      growth: 64,
      read: ([payload = Buffer.alloc(0)]) => void readMetadataResponse(payload),
    },
    checkpointTarget(),
  ]
}

function readAnswer(payload: Buffer, mend: boolean): void {
  try {
    for (const answer of readFetchResponse(payload)) {
      if (mend) mendChecksums(answer.records)
      Array.from(committedBatches(answer, 0))
    }
  } catch (error) {
    if (mend || !(error instanceof TributaryError) || !error.message.includes('checksum')) throw error
  }
}

/** Many aborted transactions, and a large record. */
function hostileAnswer(text: Buffer): Buffer {
  const record = { topic: 't', partition: 0, key: null, value: text, timestampMs: 0 }
  const records = encodeRecordBatch([record], { id: 1n, epoch: 0, firstSequence: 0, transactional: true })
  const aborted = Array.from({ length: 20_000 }, (_, index) => ({
    producerId: BigInt(index),
    firstOffset: 0,
  }))
  return writeFetchResponse([
    { topic: 't', partition: 0, errorCode: 0, lastStableOffset: 1, logStartOffset: 0, aborted, records },
  ])
}

function mendChecksums(records: Buffer): void {
  let at = 0
  while (at + BATCH_HEADER_BYTES <= records.length) {
    const end = at + 12 + records.readInt32BE(at + 8)
    if (end <= at + 21 || end > records.length) return
    records.writeUInt32BE(crc32c(records.subarray(at + 21, end)), at + 17)
    at = end
  }
}

function madeAnswers(): Input[] {
  const batch = (count: number, value: string) =>
    encodeRecordBatch(
      Array.from({ length: count }, (_, index) => ({
        topic: 't',
        partition: 0,
        key: Buffer.from(`key ${index}`),
        value: index % 5 === 4 ? null : Buffer.from(value),
        headers: { name: value },
        timestampMs: 1_700_000_000_000 + index,
      })),
      { id: 4_000n, epoch: 1, firstSequence: 0, transactional: true },
    )
  const aborted = [{ producerId: 4_000n, firstOffset: 0 }]
  const partition = { errorCode: 0, lastStableOffset: 9, logStartOffset: 0, aborted: [] as typeof aborted }
  const plain = { ...partition, topic: 'shop.public.orders', partition: 0, records: batch(3, CANARY) }
  const packed = { ...plain, partition: 1, records: batch(40, CANARY.repeat(20)) }
  return [
    [writeFetchResponse([plain])],
    [writeFetchResponse([packed, { ...plain, aborted }])],
    [writeFetchResponse([{ ...plain, records: Buffer.concat([plain.records, packed.records]) }])],
  ]
}

function checkpointTarget(): Target {
  const entry = { position: '1;lsn=0/16B3748', epoch: 1, format: 1, updatedAt: '2026-01-01T00:00:00.000Z' }
  return {
    name: 'checkpoint entries',
    turns: 5,
    codes: ['POSITION_INVALID'],
    corpus: [[Buffer.from('stream'), Buffer.from(JSON.stringify(entry))]],
    hostile: HOSTILE_TEXTS.map(text => [Buffer.from('stream'), text]),
    isSequence: false,
    growth: 64,
    read: async ([key = null, value = null]) => {
      const record = {
        topic: 'shop.checkpoint',
        partition: 0,
        offset: 0,
        key,
        value,
        headers: [],
        timestampMs: 0,
      }
      const batches = async function* () {
        yield [record]
      }
      await foldCheckpoint(batches())
    },
  }
}
