import { constants, zstdCompressSync } from 'node:zlib'
import { crc32c } from '@node-rs/crc32'
import { copyKey, copyValue, keyLength, valueLength } from '../../packed-record.ts'
import type { OutRecord } from '../../types.ts'

// A record batch, format 2 (https://kafka.apache.org/documentation/#recordbatch), numbers big-endian:
//
//   baseOffset int64, length int32 (of what follows), partitionLeaderEpoch int32, magic int8 (2), crc uint32,
//   | attributes int16 (bits 0-2 compression, 3 log append time, 4 transactional, 5 control),
//   | lastOffsetDelta int32,
//   | baseTimestamp int64, maxTimestamp int64, producerId int64, producerEpoch int16, baseSequence int32,
//   | count int32, records (compressed as one if the attributes say so)
//   '- the checksum, CRC-32C, covers these
//
//   record: length varint, attributes int8, timestampDelta varlong, offsetDelta varint,
//           key, value: length varint (-1: null) and bytes,
//           headers: count varint, each name (length varint, UTF-8) and value (length varint, UTF-8)

export const BATCH_HEADER_BYTES = 61
export const LOG_APPEND_TIME = 0x08
export const TRANSACTIONAL = 0x10
export const CONTROL = 0x20
export const COMPRESSION = 0x07
export const ZSTD = 4
const MAGIC = 2
/** Where the checksum stands, and where what it covers begins. */
const CRC_AT = 17
const COVERED_AT = 21
/** Below this a compressor saves little and costs more than the bytes. */
const COMPRESS_FROM_BYTES = 1024
/** Rows are so alike that the fastest way makes them as small as the usual one, in two thirds of its time. */
const FASTEST = { [constants.ZSTD_c_compressionLevel]: 1 }
/** The most that one record takes beside its key, value and headers: five varints, a varlong and a byte. */
const RECORD_OVERHEAD = 36
const HEADER_OVERHEAD = 10

/** Who writes the batch, as the broker knows it. */
export interface Producer {
  readonly id: bigint
  readonly epoch: number
  readonly firstSequence: number
  readonly transactional: boolean
}

/** The records' bytes before compression, one batch at a time; what is kept of it is copied out at once. */
let scratch = Buffer.allocUnsafe(1024 * 1024)

/** One batch of at least one record, in the order given. zstd, unless the records are too few to gain by it. */
export function encodeRecordBatch(records: readonly OutRecord[], producer: Producer): Buffer {
  const baseMs = records[0]!.timestampMs
  const end = writeRecords(records, baseMs)
  const plain = scratch.subarray(0, end)
  const packed =
    end >= COMPRESS_FROM_BYTES ? zstdCompressSync(plain, { params: FASTEST, chunkSize: end >> 2 }) : plain
  const isCompressed = packed.length < end
  const body = isCompressed ? packed : plain
  const batch = Buffer.allocUnsafe(BATCH_HEADER_BYTES + body.length)
  batch.fill(0, 0, 8)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch[16] = MAGIC
  batch.writeInt16BE((isCompressed ? ZSTD : 0) | (producer.transactional ? TRANSACTIONAL : 0), 21)
  batch.writeInt32BE(records.length - 1, 23)
  writeInt64(batch, baseMs, 27)
  writeInt64(batch, latest(records), 35)
  batch.writeBigInt64BE(producer.id, 43)
  batch.writeInt16BE(producer.epoch, 51)
  batch.writeInt32BE(producer.firstSequence, 53)
  batch.writeInt32BE(records.length, 57)
  body.copy(batch, BATCH_HEADER_BYTES)
  batch.writeUInt32BE(crc32c(batch.subarray(COVERED_AT)), CRC_AT)
  return batch
}

/** An upper bound of what the record takes in a batch before compression, in bytes. */
export function maxRecordBytes(record: OutRecord): number {
  let bytes = RECORD_OVERHEAD + Math.max(keyLength(record), 0) + Math.max(valueLength(record), 0)
  if (record.headers !== undefined) {
    // A UTF-16 unit takes three bytes of UTF-8 at most.
    for (const name in record.headers)
      bytes += HEADER_OVERHEAD + 3 * (name.length + record.headers[name]!.length)
  }
  return bytes
}

function latest(records: readonly OutRecord[]): number {
  let max = records[0]!.timestampMs
  for (const { timestampMs } of records) if (timestampMs > max) max = timestampMs
  return max
}

function writeRecords(records: readonly OutRecord[], baseMs: number): number {
  let needed = 0
  for (const record of records) needed += maxRecordBytes(record)
  if (needed > scratch.length) scratch = Buffer.allocUnsafe(needed)
  let at = 0
  for (let index = 0; index < records.length; index++) at = writeRecord(records[index]!, index, baseMs, at)
  return at
}

function writeRecord(record: OutRecord, index: number, baseMs: number, start: number): number {
  const { headers } = record
  const keyBytes = keyLength(record)
  const valueBytes = valueLength(record)
  const deltaMs = record.timestampMs - baseMs
  const headerBytes = headers === undefined ? 1 : headersSize(headers)
  const size =
    1 + varintSize(deltaMs) + varintSize(index) + lengthSize(keyBytes) + lengthSize(valueBytes) + headerBytes
  let at = writeVarint(size, start)
  scratch[at++] = 0
  at = writeVarint(deltaMs, at)
  at = writeVarint(index, at)
  at = writeVarint(keyBytes, at)
  if (keyBytes > 0) copyKey(record, scratch, at)
  at = writeVarint(valueBytes, at + Math.max(keyBytes, 0))
  if (valueBytes > 0) copyValue(record, scratch, at)
  at += Math.max(valueBytes, 0)
  if (headers === undefined) {
    scratch[at++] = 0
    return at
  }
  return writeHeaders(headers, at)
}

/** What a key or value of this length takes, its length included; -1, for none, takes a byte. */
function lengthSize(length: number): number {
  return varintSize(length) + Math.max(length, 0)
}

function writeHeaders(headers: Readonly<Record<string, string>>, start: number): number {
  let at = writeVarint(Object.keys(headers).length, start)
  for (const name in headers) {
    at = writeText(name, at)
    at = writeText(headers[name]!, at)
  }
  return at
}

function writeText(text: string, start: number): number {
  const at = writeVarint(Buffer.byteLength(text), start)
  return at + scratch.write(text, at)
}

function headersSize(headers: Readonly<Record<string, string>>): number {
  let size = varintSize(Object.keys(headers).length)
  for (const name in headers) size += textSize(name) + textSize(headers[name]!)
  return size
}

function textSize(text: string): number {
  const bytes = Buffer.byteLength(text)
  return varintSize(bytes) + bytes
}

/** Zigzag and seven bits a byte. By division beyond 31 bits: timestamps apart by more than 24 days get there. */
function writeVarint(value: number, start: number): number {
  let at = start
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  while (rest > 0x7fffffff) {
    scratch[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  while (rest > 127) {
    scratch[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  scratch[at++] = rest
  return at
}

function varintSize(value: number): number {
  let size = 1
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  for (; rest > 0x7fffffff; size++) rest = Math.floor(rest / 128)
  for (; rest > 127; size++) rest >>>= 7
  return size
}

/** A safe integer, without making a bigint of it. */
function writeInt64(buffer: Buffer, value: number, at: number): void {
  buffer.writeInt32BE(Math.floor(value / 0x100000000), at)
  buffer.writeUInt32BE(value >>> 0, at + 4)
}
