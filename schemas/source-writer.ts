import type { ChangeEvent, Commit, Table } from '../core/types.ts'
import { COORDINATE_LENGTH, formatCoordinate, ORDINAL_DIGITS } from './coordinate.ts'
import { type Publisher, SOURCE_BLOCKS, type SourceField } from './envelope.ts'
import { MAX_LONG_BYTES, writeInt, writeLong, writeText } from './wire.ts'

const HEX = Buffer.from('0123456789abcdef')

/** Longest `snapshot`, and the lengths in front of texts. */
const SMALL_PARTS_BYTES = 64

/**
 * Writes `source` blocks. All but the ordinal and the log position is the same for the events of one table in
 * one commit, so the block of the event before, where it stands in the arena, is the template of the next.
 */
export class SourceWriter {
  readonly #publisher: Publisher
  readonly #publisherBytes: number
  /** The connector's own fields up to the log position, and after it. */
  readonly #leading: readonly SourceField[]
  readonly #trailing: readonly SourceField[]
  readonly #logPositionIsNullable: boolean

  #table: Table | null = null
  #commit: Commit | null = null
  #isRead = false
  #template: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0
  #ordinalOffset = 0
  #bound = 0

  constructor(publisher: Publisher) {
    const { fields } = SOURCE_BLOCKS[publisher.connector]
    const place = fields.findIndex(field => field.origin === 'event.logPosition')
    this.#publisher = publisher
    this.#publisherBytes = 3 * (publisher.version.length + publisher.connector.length + publisher.name.length)
    this.#leading = fields.slice(0, place)
    this.#trailing = fields.slice(place + 1)
    this.#logPositionIsNullable = fields[place]?.nullable === true
  }

  /** At least as many bytes as `write` takes for this event; call it first. */
  bound(event: ChangeEvent): number {
    if (this.#isTemplateOf(event)) return this.#bound
    const { table, commit } = event
    let bound = this.#publisherBytes + COORDINATE_LENGTH + 4 * MAX_LONG_BYTES + SMALL_PARTS_BYTES
    bound += 3 * (table.database.length + table.schema.length + table.name.length)
    for (const value of Object.values(commit.source)) {
      bound += MAX_LONG_BYTES + (typeof value === 'string' ? Buffer.byteLength(value) : 0)
    }
    this.#bound = bound
    return bound
  }

  write(bytes: Buffer, at: number, event: ChangeEvent): number {
    const start = at
    if (this.#isTemplateOf(event)) {
      if (bytes === this.#template) bytes.copyWithin(at, this.#start, this.#end)
      else this.#template.copy(bytes, at, this.#start, this.#end)
      writeOrdinal(bytes, at + this.#ordinalOffset, event.ordinal)
      at += this.#end - this.#start
    } else {
      at = this.#writeTemplate(bytes, at, event)
    }
    this.#template = bytes
    this.#start = start
    this.#end = at
    if (this.#logPositionIsNullable) bytes[at++] = 2
    at = writeLong(bytes, at, event.logPosition)
    for (const field of this.#trailing) at = writeField(bytes, at, field, event)
    return at
  }

  #isTemplateOf(event: ChangeEvent): boolean {
    return event.commit === this.#commit && event.table === this.#table && (event.op === 'r') === this.#isRead
  }

  /** Everything up to the log position. */
  #writeTemplate(bytes: Buffer, start: number, event: ChangeEvent): number {
    const { table, commit } = event
    const { version, connector, name } = this.#publisher
    this.#table = table
    this.#commit = commit
    this.#isRead = event.op === 'r'
    let at = writeText(bytes, start, version)
    at = writeText(bytes, at, connector)
    at = writeText(bytes, at, name)
    at = writeLong(bytes, at, Math.floor(commit.timeUs / 1000))
    at = writeLong(bytes, at, commit.timeUs)
    at = writeLong(bytes, at, BigInt(commit.timeUs) * 1000n)
    at = writeText(bytes, at, this.#isRead ? 'true' : 'false')
    at = writeText(bytes, at, table.database)
    at = writeText(bytes, at, formatCoordinate(commit.coordinate, event.ordinal))
    this.#ordinalOffset = at - ORDINAL_DIGITS - start
    for (const field of this.#leading) at = writeField(bytes, at, field, event)
    return at
  }
}

function writeField(bytes: Buffer, at: number, field: SourceField, event: ChangeEvent): number {
  const value = sourceValue(field, event)
  if (field.nullable) {
    bytes[at++] = value === null ? 0 : 2
    if (value === null) return at
  }
  if (field.type === 'string') return writeText(bytes, at, String(value))
  return field.type === 'int'
    ? writeInt(bytes, at, Number(value))
    : writeLong(bytes, at, value as number | bigint)
}

/** What a field of the connector's own holds for an event. */
export function sourceValue(field: SourceField, event: ChangeEvent): string | number | bigint | null {
  switch (field.origin) {
    case 'table.schema':
      return event.table.schema
    case 'table.name':
      return event.table.name
    case 'event.logPosition':
      return event.logPosition
    case 'commit.source':
      return event.commit.source[field.name] ?? null
  }
}

function writeOrdinal(bytes: Buffer, at: number, ordinal: number): void {
  for (let index = ORDINAL_DIGITS - 1; index >= 0; index--) {
    bytes[at + index] = HEX[ordinal & 15] as number
    ordinal >>>= 4
  }
}
