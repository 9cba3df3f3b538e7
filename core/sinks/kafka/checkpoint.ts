import { TributaryError } from '../../errors.ts'
import type { Checkpoint, CheckpointEntry, OutRecord } from '../../types.ts'
import type { CommittedRecord } from './reader.ts'

// The checkpoint topic: one partition, compacted; key: the entry's name; value: JSON
// { position text, epoch number, format number, updatedAt ISO 8601 }; no value: the entry is gone. The header `worker`
// names the process that wrote it.

const FORMAT = 1
const WRITER = 'worker'
/** Kafka refuses records from more than an hour ahead of its own clock, and ours may be set wrong. */
const NO_TIMESTAMP = -1

/** The entries as records of the checkpoint topic. */
export function checkpointRecords(
  checkpoint: Checkpoint,
  { topic, worker, nowMs }: { topic: string; worker: string; nowMs: number },
): OutRecord[] {
  const updatedAt = new Date(nowMs).toISOString()
  const headers = { [WRITER]: worker }
  return Object.entries(checkpoint).map(([name, { position, epoch }]) => ({
    topic,
    partition: 0,
    key: Buffer.from(name),
    value: Buffer.from(JSON.stringify({ position, epoch, format: FORMAT, updatedAt })),
    headers,
    timestampMs: NO_TIMESTAMP,
  }))
}

/**
 * Who wrote the last of these records from this offset on: null when there are none, empty when it does not say (nor did
 * older versions).
 */
export async function lastWriter(
  records: AsyncIterable<readonly CommittedRecord[]>,
  from: number,
): Promise<string | null> {
  let writer: string | null = null
  for await (const batch of records) {
    for (const { offset, headers } of batch) {
      if (offset >= from) writer = String(headers.find(({ name }) => name === WRITER)?.value ?? '')
    }
  }
  return writer
}

/** The last of each entry, and the offset behind all of them. Throws POSITION_INVALID. */
export async function foldCheckpoint(
  records: AsyncIterable<readonly CommittedRecord[]>,
): Promise<{ checkpoint: Checkpoint; readUntil: number }> {
  const last = new Map<string, CommittedRecord>()
  let readUntil = 0
  for await (const batch of records) {
    for (const record of batch) {
      if (record.key !== null) last.set(record.key.toString(), record)
      readUntil = record.offset + 1
    }
  }
  const entries: [string, CheckpointEntry][] = []
  for (const [name, record] of last) {
    const entry = readEntry(name, record)
    if (entry !== null) entries.push([name, entry])
  }
  return { checkpoint: Object.fromEntries(entries), readUntil }
}

function readEntry(name: string, { topic, offset, value }: CommittedRecord): CheckpointEntry | null {
  if (value === null) return null
  const place = `entry ${name} at offset ${offset} of ${topic}`
  const { position, epoch, format } = parseEntry(value, place)
  if (format !== FORMAT) {
    throw new TributaryError('POSITION_INVALID', `${place} has format ${String(format)}, known is ${FORMAT}`)
  }
  if (typeof position !== 'string' || !Number.isInteger(epoch)) {
    throw new TributaryError('POSITION_INVALID', `${place} lacks a position or an epoch`)
  }
  return { position, epoch: Number(epoch) }
}

function parseEntry(value: Buffer, place: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(value.toString())
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch (error) {
    throw new TributaryError('POSITION_INVALID', `${place} is no JSON`, { cause: error })
  }
  throw new TributaryError('POSITION_INVALID', `${place} is no JSON object`)
}
