import type { Packed } from '../core/packed-record.ts'
import type { ChangeEvent, Row, Table } from '../core/types.ts'
import { Arena } from './arena.ts'
import { envelopeSchemaText, keySchemaText } from './avro.ts'
import type { Publisher } from './envelope.ts'
import type { Format, TableEncoder } from './format.ts'
import { messageKeySchemaText, messageSchemaText } from './messages.ts'
import { type Missing, MissingFields } from './missing-fields.ts'
import { fieldNamesOf, keySubject } from './names.ts'
import type { SchemaRegistrar } from './registrar.ts'
import { compileKeyWriter, compileRowWriter, type RowWriter } from './row-writer.ts'
import { SourceWriter } from './source-writer.ts'
import { MAX_LONG_BYTES, writeBytes, writeLong, writeText } from './wire.ts'

// Confluent wire format: a zero byte, the schema's id as 4 bytes big-endian, the Avro binary.
const MAGIC = 0
const HEADER_BYTES = 5

/** Three times a branch and a long. */
const MAX_TIMES_BYTES = 3 * (1 + MAX_LONG_BYTES)

/**
 * Header, branches of `before`, `after` and `transaction`, op, times, and the numbers of a transaction block.
 */
const FIXED_BYTES = HEADER_BYTES + 3 + 2 + MAX_TIMES_BYTES + 3 * MAX_LONG_BYTES

export interface AvroFormatOptions {
  readonly publisher: Publisher
  /** Whether events carry a `transaction` block. */
  readonly transactions: boolean
  readonly registrar: Pick<SchemaRegistrar, 'registerKey' | 'registerValue' | 'registerNull'>
  /** Topics begin with it, and so does the subject of the truncates' key. */
  readonly prefix: string
}

/** Avro in Confluent's wire format, schemas in a registry. */
export function createAvroFormat({ publisher, transactions, registrar, prefix }: AvroFormatOptions): Format {
  const pen: Pen = {
    arena: new Arena(),
    source: new SourceWriter(publisher),
    times: Buffer.alloc(0),
    transactions,
  }
  return {
    begin: nowMs => {
      pen.times = encodeTimes(nowMs)
    },
    end: () => pen.arena.mark(),
    release: batches => pen.arena.release(batches),
    open: async (table, topic, signal) => {
      const value = envelopeSchemaText(table, topic, publisher.connector)
      const key = keySchemaText(table, topic)
      // The key first: a value that is registered tells that its table's key was, if it had one.
      const keyId = await registrar.registerKey({ topic, schema: key, table }, signal)
      const valueId = await registrar.registerValue({ topic, schema: value, table }, signal)
      return new AvroTableEncoder(table, { keyId: keyId ?? 0, valueId }, pen)
    },
    openMessages: async (table, topic, signal) => {
      const { connector } = publisher
      const schemas = { key: messageKeySchemaText(connector), value: messageSchemaText(connector) }
      const keyId = await registrar.registerKey({ topic, schema: schemas.key, table }, signal)
      const valueId = await registrar.registerValue({ topic, schema: schemas.value, table }, signal)
      return new AvroMessageEncoder({ keyId: keyId ?? 0, valueId }, pen)
    },
    openTruncateKey: async signal => {
      const key = Buffer.alloc(HEADER_BYTES)
      writeHeader(key, 0, await registrar.registerNull(keySubject(`${prefix}.truncate`), signal))
      return key
    },
  }
}

/** What the tables of one encoder share. */
interface Pen {
  readonly arena: Arena
  readonly source: SourceWriter
  /** `ts_ms`, `ts_us` and `ts_ns` of this batch. */
  times: Uint8Array
  readonly transactions: boolean
}

export interface SchemaIds {
  readonly keyId: number
  readonly valueId: number
}

class AvroTableEncoder implements TableEncoder {
  readonly #ids: SchemaIds
  readonly #pen: Pen
  readonly #missing: MissingFields
  readonly #row: RowWriter
  /** Null: keyless. */
  readonly #key: RowWriter | null
  missingBefore: Missing | null = null
  missingAfter: Missing | null = null

  constructor(table: Table, ids: SchemaIds, pen: Pen) {
    this.#ids = ids
    this.#pen = pen
    this.#missing = new MissingFields(fieldNamesOf(table))
    this.#row = compileRowWriter(table, this.#missing)
    this.#key = table.key.length === 0 ? null : compileKeyWriter(table)
  }

  encode(event: ChangeEvent): Packed {
    const { arena } = this.#pen
    const keyRow = this.#key === null ? null : (event.after ?? event.before)
    arena.reserve(this.#bound(event, keyRow))
    const bytes = arena.chunk
    const start = arena.at
    const keyEnd = keyRow === null ? start : this.#writeKey(bytes, start, keyRow)
    const end = this.#writeValue(bytes, keyEnd, event)
    arena.keep(end)
    return { bytes, start, keyLength: keyRow === null ? -1 : keyEnd - start, valueLength: end - keyEnd }
  }

  #bound(event: ChangeEvent, keyRow: Row | null): number {
    const { before, after } = event
    let bound = FIXED_BYTES + this.#pen.source.bound(event) + 3 * event.commit.id.length
    if (keyRow !== null) bound += HEADER_BYTES + (this.#key?.bound(keyRow) ?? 0)
    if (before !== null) bound += this.#row.bound(before)
    if (after !== null) bound += this.#row.bound(after)
    return bound
  }

  #writeKey(bytes: Buffer, start: number, row: Row): number {
    const at = writeHeader(bytes, start, this.#ids.keyId)
    return this.#key?.write(bytes, at, row) ?? at
  }

  #writeValue(bytes: Buffer, start: number, event: ChangeEvent): number {
    const { source, times } = this.#pen
    let at = writeHeader(bytes, start, this.#ids.valueId)
    at = this.#writeImage(bytes, at, event.before)
    this.missingBefore = this.#missing.take()
    at = this.#writeImage(bytes, at, event.after)
    this.missingAfter = this.#missing.take()
    at = source.write(bytes, at, event)
    at = this.#pen.transactions ? writeTransaction(bytes, at, event) : writeNull(bytes, at)
    bytes[at++] = 2
    bytes[at++] = event.op.charCodeAt(0)
    bytes.set(times, at)
    return at + times.length
  }

  #writeImage(bytes: Buffer, at: number, row: Row | null): number {
    if (row === null) return writeNull(bytes, at)
    bytes[at] = 2
    return this.#row.write(bytes, at + 1, row)
  }
}

class AvroMessageEncoder implements TableEncoder {
  readonly #ids: SchemaIds
  readonly #pen: Pen
  readonly missingBefore = null
  readonly missingAfter = null

  constructor(ids: SchemaIds, pen: Pen) {
    this.#ids = ids
    this.#pen = pen
  }

  encode(event: ChangeEvent): Packed {
    const { arena, source } = this.#pen
    const [prefix, content] = event.after as MessageRow
    const texts = 3 * (event.commit.id.length + 2 * prefix.length)
    arena.reserve(2 * FIXED_BYTES + source.bound(event) + texts + content.length + 4 * MAX_LONG_BYTES)
    const bytes = arena.chunk
    const start = arena.at
    const keyEnd = writePrefix(bytes, writeHeader(bytes, start, this.#ids.keyId), prefix)
    const end = this.#writeValue(bytes, keyEnd, event)
    arena.keep(end)
    return { bytes, start, keyLength: keyEnd - start, valueLength: end - keyEnd }
  }

  #writeValue(bytes: Buffer, start: number, event: ChangeEvent): number {
    const { source, times, transactions } = this.#pen
    const [prefix, content] = event.after as MessageRow
    let at = writeHeader(bytes, start, this.#ids.valueId)
    bytes[at++] = 2
    bytes[at++] = event.op.charCodeAt(0)
    bytes.set(times, at)
    at = source.write(bytes, at + times.length, event)
    const isInside = transactions && event.commit.id !== ''
    at = isInside ? writeTransaction(bytes, at, event) : writeNull(bytes, at)
    at = writePrefix(bytes, at, prefix)
    bytes[at] = 2
    return writeBytes(bytes, at + 1, content)
  }
}

/** What a message's `after` holds, see `Op`. */
type MessageRow = readonly [prefix: string, content: Uint8Array]

function writePrefix(bytes: Buffer, at: number, prefix: string): number {
  bytes[at] = 2
  return writeText(bytes, at + 1, prefix)
}

function writeHeader(bytes: Buffer, at: number, id: number): number {
  bytes[at] = MAGIC
  bytes[at + 1] = id >>> 24
  bytes[at + 2] = id >>> 16
  bytes[at + 3] = id >>> 8
  bytes[at + 4] = id
  return at + HEADER_BYTES
}

function writeNull(bytes: Buffer, at: number): number {
  bytes[at] = 0
  return at + 1
}

/** Orders count from 1, in the transaction and among its events of the same table. */
function writeTransaction(bytes: Buffer, at: number, event: ChangeEvent): number {
  bytes[at++] = 2
  at = writeText(bytes, at, event.commit.id)
  at = writeLong(bytes, at, event.ordinal + 1)
  return writeLong(bytes, at, event.tableOrdinal + 1)
}

function encodeTimes(nowMs: number): Uint8Array {
  const bytes = Buffer.alloc(MAX_TIMES_BYTES)
  let at = 0
  for (const time of [nowMs, nowMs * 1000, BigInt(nowMs) * 1_000_000n]) {
    bytes[at++] = 2
    at = writeLong(bytes, at, time)
  }
  return bytes.subarray(0, at)
}
