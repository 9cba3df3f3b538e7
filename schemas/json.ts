import type { Packed } from '../core/packed-record.ts'
import type { ChangeEvent, Column, ColumnType, Commit, Row, Table, Value } from '../core/types.ts'
import { UNAVAILABLE, Unfit } from '../core/types.ts'
import { Arena } from './arena.ts'
import { formatCoordinate } from './coordinate.ts'
import { decimalDigits } from './decimal.ts'
import { isMarked, type Publisher, SOURCE_BLOCKS, type SourceField, UNAVAILABLE_MARKER } from './envelope.ts'
import type { Format, TableEncoder } from './format.ts'
import { type Missing, MissingFields } from './missing-fields.ts'
import { fieldNamesOf } from './names.ts'
import { sourceValue } from './source-writer.ts'
import { formatDate, formatLocalTimestamp, formatTime, formatTimestamp } from './temporal.ts'
import { valueInvalid } from './value-error.ts'

export interface JsonFormatOptions {
  readonly publisher: Publisher
  /** Whether events carry a `transaction` block. */
  readonly transactions: boolean
}

/**
 * The envelope as JSON text, without a schema: decimals and integers beyond 2^53 as strings, bytes as base64,
 * dates and times as ISO 8601, json columns as their text. Field names are those of the Avro records.
 */
export function createJsonFormat({ publisher, transactions }: JsonFormatOptions): Format {
  const pen: Pen = {
    arena: new Arena(),
    source: new SourceText(publisher),
    times: '',
    transactions,
  }
  return {
    begin: nowMs => {
      pen.times = timesText(nowMs * 1000)
    },
    end: () => pen.arena.mark(),
    release: batches => pen.arena.release(batches),
    open: async table => new JsonTableEncoder(table, pen),
    openMessages: async () => new JsonMessageEncoder(pen),
    openTruncateKey: async () => Buffer.from('null'),
  }
}

/** What the tables of one encoder share. */
interface Pen {
  readonly arena: Arena
  readonly source: SourceText
  /** `ts_ms`, `ts_us` and `ts_ns` of this batch. */
  times: string
  readonly transactions: boolean
}

interface FieldText {
  /** `"name":`, with a comma in front of all but the first. */
  readonly label: string
  readonly column: Column
  readonly index: number
}

class JsonTableEncoder implements TableEncoder {
  readonly #table: Table
  readonly #pen: Pen
  readonly #missing: MissingFields
  readonly #columns: readonly FieldText[]
  readonly #keyColumns: readonly FieldText[]
  missingBefore: Missing | null = null
  missingAfter: Missing | null = null

  constructor(table: Table, pen: Pen) {
    const names = fieldNamesOf(table)
    const fieldText = (index: number, place: number): FieldText => ({
      label: `${place === 0 ? '' : ','}${JSON.stringify(names[index])}:`,
      column: table.columns[index] as Column,
      index,
    })
    this.#table = table
    this.#pen = pen
    this.#missing = new MissingFields(names)
    this.#columns = table.columns.map((_, index) => fieldText(index, index))
    this.#keyColumns = table.key.map(fieldText)
  }

  encode(event: ChangeEvent): Packed {
    const keyRow = this.#keyColumns.length === 0 ? null : (event.after ?? event.before)
    const key = keyRow === null ? null : this.#keyText(keyRow)
    return write(key, this.#eventText(event), this.#pen)
  }

  #keyText(row: Row): string {
    let text = '{'
    for (const { label, column, index } of this.#keyColumns) {
      const value = row[index]
      if (value === null || value === undefined || value === UNAVAILABLE || value instanceof Unfit) {
        throw valueInvalid(this.#table, index, 'is part of the key and')
      }
      text += label + this.#valueText(value, column, index)
    }
    return `${text}}`
  }

  #eventText(event: ChangeEvent): string {
    const before = this.#rowText(event.before)
    this.missingBefore = this.#missing.take()
    const after = this.#rowText(event.after)
    this.missingAfter = this.#missing.take()
    const { source, times, transactions } = this.#pen
    const transaction = transactions ? transactionText(event) : 'null'
    return (
      `{"before":${before},"after":${after},"source":${source.textOf(event)},` +
      `"transaction":${transaction},"op":"${event.op}",${times}}`
    )
  }

  #rowText(row: Row | null): string {
    if (row === null) return 'null'
    let text = '{'
    for (const { label, column, index } of this.#columns) {
      text += label + this.#valueText(row[index] as Value, column, index)
    }
    return `${text}}`
  }

  #valueText(value: Value, column: Column, index: number): string {
    if (value === null) return 'null'
    if (value === UNAVAILABLE) {
      this.#missing.add(index)
      return isMarked(column.type.kind) ? `"${UNAVAILABLE_MARKER}"` : 'null'
    }
    if (value instanceof Unfit) {
      this.#missing.addText(index, value.text)
      return 'null'
    }
    const text = textOf(value, column.type)
    if (text === null) throw valueInvalid(this.#table, index)
    return text
  }
}

class JsonMessageEncoder implements TableEncoder {
  readonly #pen: Pen
  readonly missingBefore = null
  readonly missingAfter = null

  constructor(pen: Pen) {
    this.#pen = pen
  }

  encode(event: ChangeEvent): Packed {
    const { source, times, transactions } = this.#pen
    const [prefix, content] = event.after as MessageRow
    const transaction = transactions && event.commit.id !== '' ? transactionText(event) : 'null'
    const value =
      `{"op":"m",${times},"source":${source.textOf(event)},"transaction":${transaction},` +
      `"message":{"prefix":${quote(prefix)},"content":"${base64(content)}"}}`
    return write(`{"prefix":${quote(prefix)}}`, value, this.#pen)
  }
}

/** What a message's `after` holds, see `Op`. */
type MessageRow = readonly [prefix: string, content: Uint8Array]

function write(key: string | null, value: string, { arena }: Pen): Packed {
  arena.reserve(maxBytes(key ?? '') + maxBytes(value))
  const bytes = arena.chunk
  const start = arena.at
  const keyLength = key === null ? -1 : bytes.write(key, start)
  const valueStart = start + Math.max(keyLength, 0)
  const valueLength = bytes.write(value, valueStart)
  arena.keep(valueStart + valueLength)
  return { bytes, start, keyLength, valueLength }
}

/** At least what the text takes in UTF-8; long ones are measured, short ones guessed. */
function maxBytes(text: string): number {
  return text.length < 4096 ? 3 * text.length : Buffer.byteLength(text)
}

/** No control character, quote or backslash, and no surrogate, which might be alone. */
const NEEDS_NO_ESCAPE = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/

/** JSON text of a value, null when it does not have the form of the column's type. */
function textOf(value: Value, type: ColumnType): string | null {
  switch (type.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? String(value) : null
    case 'int':
    case 'float':
    case 'double':
      return typeof value === 'number' ? numberText(value) : null
    case 'long':
      return isInteger(value) ? integerText(value) : null
    case 'string':
    case 'json':
    case 'uuid':
      return typeof value === 'string' ? quote(value) : null
    case 'decimal':
      return typeof value === 'string' && decimalDigits(value, type) !== null ? `"${value}"` : null
    case 'bytes':
    case 'bits':
    case 'geometry':
      return value instanceof Uint8Array ? `"${base64(value)}"` : null
    case 'date':
      return typeof value === 'number' ? `"${formatDate(value)}"` : null
    case 'time':
      return isInteger(value) ? `"${formatTime(value)}"` : null
    case 'timestamp':
      return isInteger(value) ? `"${formatTimestamp(value)}"` : null
    case 'localTimestamp':
      return isInteger(value) ? `"${formatLocalTimestamp(value)}"` : null
    case 'array':
      return Array.isArray(value) ? listText(value, type.items) : null
    case 'vector':
      return Array.isArray(value) ? listText(value, FLOAT) : null
    case 'map':
      return value instanceof Map ? mapText(value) : null
  }
}

const FLOAT: ColumnType = { kind: 'float' }

function listText(values: readonly Value[], type: ColumnType): string | null {
  let text = ''
  for (const value of values) {
    const item = value === null ? 'null' : textOf(value, type)
    if (item === null) return null
    text += text === '' ? item : `,${item}`
  }
  return `[${text}]`
}

function mapText(map: ReadonlyMap<string, string | null>): string {
  let text = ''
  for (const [name, value] of map) {
    text += `${text === '' ? '' : ','}${quote(name)}:${value === null ? 'null' : quote(value)}`
  }
  return `{${text}}`
}

function isInteger(value: Value): value is number | bigint {
  return typeof value === 'number' ? Number.isSafeInteger(value) : typeof value === 'bigint'
}

/** Most texts need no escapes; finding that out is several times as fast as the general way. */
function quote(text: string): string {
  return NEEDS_NO_ESCAPE.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** Any double; JSON has no word for those that are no numbers. */
function numberText(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0' : String(value)
}

/** A string once a reader that takes JSON numbers for doubles would change it. */
function integerText(value: number | bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`
}

function base64(value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
}

function timesText(us: number): string {
  const ns = integerText(BigInt(us) * 1000n)
  return `"ts_ms":${Math.floor(us / 1000)},"ts_us":${us},"ts_ns":${ns}`
}

/** Orders count from 1, in the transaction and among its events of the same table. */
function transactionText({ commit, ordinal, tableOrdinal }: ChangeEvent): string {
  const id = JSON.stringify(commit.id)
  return `{"id":${id},"total_order":${ordinal + 1},"data_collection_order":${tableOrdinal + 1}}`
}

/** `source` blocks; what the events of a commit share is kept. */
class SourceText {
  readonly #publisher: string
  readonly #fields: readonly SourceField[]
  #commit: Commit | null = null
  #commitTimes = ''

  constructor(publisher: Publisher) {
    const { version, connector, name } = publisher
    this.#publisher = JSON.stringify({ version, connector, name }).slice(1, -1)
    this.#fields = SOURCE_BLOCKS[connector].fields
  }

  textOf(event: ChangeEvent): string {
    const { commit, table, ordinal, op } = event
    if (commit !== this.#commit) {
      this.#commit = commit
      this.#commitTimes = timesText(commit.timeUs)
    }
    let text =
      `{${this.#publisher},${this.#commitTimes},"snapshot":"${op === 'r'}",` +
      `"db":${JSON.stringify(table.database)},"sequence":"${formatCoordinate(commit.coordinate, ordinal)}"`
    for (const field of this.#fields) {
      const value = sourceValue(field, event)
      const isNumber = typeof value === 'number' || typeof value === 'bigint'
      text += `,"${field.name}":${isNumber ? integerText(value) : JSON.stringify(value)}`
    }
    return `${text}}`
  }
}
