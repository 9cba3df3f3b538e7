import type { OutRecord } from './types.ts'

/** Where a record's key and its value stand, one behind the other. A length of -1: there is none. */
export interface Packed {
  readonly bytes: Buffer
  readonly start: number
  readonly keyLength: number
  readonly valueLength: number
}

interface PackedRecordParts extends Packed {
  readonly topic: string
  readonly partition: number
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly timestampMs: number
}

/**
 * A record in memory that it shares with thousands of others. While they wait for a write, a view of memory for each key
 * and value would weigh more than most of what it shows, and be copied by the collector again and again: `key` and
 * `value` make theirs when they are asked for, and the functions below need none.
 */
export class PackedRecord implements OutRecord {
  readonly topic: string
  readonly partition: number
  readonly headers: Readonly<Record<string, string>> | undefined
  readonly timestampMs: number
  readonly bytes: Buffer
  readonly start: number
  readonly keyLength: number
  readonly valueLength: number

  constructor(parts: PackedRecordParts) {
    this.topic = parts.topic
    this.partition = parts.partition
    this.headers = parts.headers
    this.timestampMs = parts.timestampMs
    this.bytes = parts.bytes
    this.start = parts.start
    this.keyLength = parts.keyLength
    this.valueLength = parts.valueLength
  }

  get key(): Buffer | null {
    return this.keyLength < 0 ? null : this.bytes.subarray(this.start, this.start + this.keyLength)
  }

  get value(): Buffer | null {
    if (this.valueLength < 0) return null
    const start = this.start + Math.max(this.keyLength, 0)
    return this.bytes.subarray(start, start + this.valueLength)
  }
}

/** Bytes of the key; -1: there is none. */
export function keyLength(record: OutRecord): number {
  return record instanceof PackedRecord ? record.keyLength : (record.key?.length ?? -1)
}

/** Bytes of the value; -1: there is none. */
export function valueLength(record: OutRecord): number {
  return record instanceof PackedRecord ? record.valueLength : (record.value?.length ?? -1)
}

/** Copies the key, which there must be, to `at`. */
export function copyKey(record: OutRecord, to: Buffer, at: number): void {
  if (record instanceof PackedRecord) {
    record.bytes.copy(to, at, record.start, record.start + record.keyLength)
  } else {
    to.set(record.key!, at)
  }
}

/** Copies the value, which there must be, to `at`. */
export function copyValue(record: OutRecord, to: Buffer, at: number): void {
  if (record instanceof PackedRecord) {
    const start = record.start + Math.max(record.keyLength, 0)
    record.bytes.copy(to, at, start, start + record.valueLength)
  } else {
    to.set(record.value!, at)
  }
}
