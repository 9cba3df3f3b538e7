import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { TributaryError } from '../../errors.ts'
import {
  BATCH_HEADER_BYTES,
  COMPRESSION,
  CONTROL,
  LOG_APPEND_TIME,
  TRANSACTIONAL,
  ZSTD,
} from './record-encoder.ts'

// The layout stands in record-encoder.ts. Offsets are numbers: 2^53 records are out of reach.

const NO_COMPRESSION = 0
const GZIP = 1

/** A record as it stands in the log. Key, value and headers are views into the batch. */
export interface LogRecord {
  readonly offset: number
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly LogHeader[]
}

export interface LogHeader {
  readonly name: string
  readonly value: Buffer | null
}

/** One batch of the log, its records not read yet. */
export interface RecordBatch {
  readonly firstOffset: number
  /** Compaction can have taken the record, or all records; the offset counts as read all the same. */
  readonly lastOffset: number
  readonly producerId: bigint
  readonly isTransactional: boolean
  /** Holds a marker that ends a transaction and no records. */
  readonly isControl: boolean
  readonly bytes: Buffer
}

/**
 * The batches of a fetch response's record set, in the log's order. The broker cuts the last one where its byte
 * limit falls: what is not whole is left out and fetched again. Throws PROTOCOL_UNKNOWN, PROTOCOL_MALFORMED.
 */
export function readBatches(set: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = []
  let at = 0
  while (set.length - at >= BATCH_HEADER_BYTES) {
    const end = at + 12 + set.readInt32BE(at + 8)
    if (end < at + BATCH_HEADER_BYTES) {
      throw malformed(readInt64(set, at), 'is shorter than its own header')
    }
    if (end > set.length) break
    batches.push(readHeader(set.subarray(at, end)))
    at = end
  }
  return batches
}

function readHeader(bytes: Buffer): RecordBatch {
  const firstOffset = readInt64(bytes, 0)
  if (bytes[16] !== 2) {
    throw new TributaryError('PROTOCOL_UNKNOWN', `record format ${bytes[16]} at offset ${firstOffset}`)
  }
  if (bytes.readUInt32BE(17) !== crc32c(bytes.subarray(21))) {
    throw malformed(firstOffset, 'has a wrong checksum')
  }
  const attributes = bytes.readInt16BE(21)
  return {
    firstOffset,
    lastOffset: firstOffset + bytes.readInt32BE(23),
    producerId: bytes.readBigInt64BE(43),
    isTransactional: (attributes & TRANSACTIONAL) !== 0,
    isControl: (attributes & CONTROL) !== 0,
    bytes,
  }
}

/** Whether a control batch aborts its producer's transaction. Its record's key is version int16, type int16. */
export function isAbortMarker(batch: RecordBatch): boolean {
  const [marker] = readRecords(batch, batch.firstOffset)
  // Compaction keeps a control batch without its record; by then no record of the transaction is left either.
  return marker?.key != null && marker.key.length >= 4 && marker.key.readInt16BE(2) === 0
}

/** The batch's records from this offset on. */
export function readRecords(batch: RecordBatch, from: number): LogRecord[] {
  const { bytes, firstOffset } = batch
  const plain = plainRecords(batch)
  const cursor: Cursor = { bytes: plain, at: 0, end: plain.length, firstOffset }
  const times = timesOf(bytes)
  const records: LogRecord[] = []
  for (let left = bytes.readInt32BE(57); left > 0; left--) {
    const length = readVarint(cursor)
    cursor.end = cursor.at + length
    if (length < 0 || cursor.end > plain.length) throw malformed(firstOffset, 'ends within a record')
    const record = readRecord(cursor, times)
    if (record.offset >= from) records.push(record)
    cursor.at = cursor.end
    cursor.end = plain.length
  }
  return records
}

function malformed(firstOffset: number, flaw: string, cause?: unknown): TributaryError {
  const message = `the batch at offset ${firstOffset} ${flaw}`
  return new TributaryError('PROTOCOL_MALFORMED', message, { cause })
}

function plainRecords({ bytes, firstOffset }: RecordBatch): Buffer {
  const packed = bytes.subarray(BATCH_HEADER_BYTES)
  const compression = bytes.readInt16BE(21) & COMPRESSION
  switch (compression) {
    case NO_COMPRESSION:
      return packed
    case GZIP:
      return unpacked(gunzipSync, packed, firstOffset)
    case ZSTD:
      return unpacked(zstdDecompressSync, packed, firstOffset)
    default:
      throw new TributaryError(
        'PROTOCOL_UNKNOWN',
        `the batch at offset ${firstOffset} is compressed with ${compression === 2 ? 'snappy' : 'lz4'}, ` +
          'which this reader does not know; it reads none, gzip and zstd',
      )
  }
}

function unpacked(unpack: (packed: Buffer) => Buffer, packed: Buffer, firstOffset: number): Buffer {
  try {
    return unpack(packed)
  } catch (error) {
    throw malformed(firstOffset, 'cannot be decompressed', error)
  }
}

interface Cursor {
  readonly bytes: Buffer
  at: number
  /** Where the record ends that is being read. */
  end: number
  /** Of the batch, for errors. */
  readonly firstOffset: number
}

/** The times of a batch's records: their own, or the one at which the broker took them all. */
interface Times {
  readonly baseMs: number
  readonly appendMs: number | null
}

function timesOf(bytes: Buffer): Times {
  const isAppendTime = (bytes.readInt16BE(21) & LOG_APPEND_TIME) !== 0
  return { baseMs: readInt64(bytes, 27), appendMs: isAppendTime ? readInt64(bytes, 35) : null }
}

function readRecord(cursor: Cursor, { baseMs, appendMs }: Times): LogRecord {
  cursor.at++
  const ownMs = baseMs + readVarint(cursor)
  const timestampMs = appendMs ?? ownMs
  const offset = cursor.firstOffset + readVarint(cursor)
  const key = readBytes(cursor)
  const value = readBytes(cursor)
  return { offset, timestampMs, key, value, headers: readHeaders(cursor) }
}

function readHeaders(cursor: Cursor): readonly LogHeader[] {
  const count = readVarint(cursor)
  if (count === 0) return NO_HEADERS
  const headers: LogHeader[] = []
  for (let index = 0; index < count; index++) {
    const name = readBytes(cursor)?.toString() ?? ''
    headers.push({ name, value: readBytes(cursor) })
  }
  return headers
}

const NO_HEADERS: readonly LogHeader[] = []

function readBytes(cursor: Cursor): Buffer | null {
  const length = readVarint(cursor)
  if (length < 0) return null
  const start = cursor.at
  cursor.at = start + length
  if (cursor.at > cursor.end)
    throw malformed(cursor.firstOffset, 'has a field that is longer than its record')
  return cursor.bytes.subarray(start, cursor.at)
}

/** Of the last of ten bytes, which hold 64 bits. More would run into infinity, and lengths into nonsense. */
const MAX_SCALE = 128 ** 9

function readVarint(cursor: Cursor): number {
  let raw = 0
  let scale = 1
  let byte: number
  do {
    if (cursor.at >= cursor.end || scale > MAX_SCALE) {
      throw malformed(cursor.firstOffset, 'holds a number without an end')
    }
    byte = cursor.bytes[cursor.at++]!
    raw += (byte & 127) * scale
    scale *= 128
  } while (byte > 127)
  return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
}

function readInt64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x100000000 + buffer.readUInt32BE(at + 4)
}
