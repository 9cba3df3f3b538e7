import avsc from 'avsc'
import { type RawRecord, readCommittedByJava } from './java-consumer.ts'

// Decodes change topics by avsc and the registry alone, as somebody would who has never seen this project.

type Row = Readonly<Record<string, unknown>>

export interface ReadEvent {
  readonly partition: number
  readonly offset: number
  /** JSON text of the key record; null for a keyless table or a truncate. */
  readonly key: string | null
  /** Null for a tombstone. */
  readonly value: Envelope | null
  readonly headers: Readonly<Record<string, string>>
}

export interface Envelope {
  readonly op: 'c' | 'u' | 'd' | 'r' | 't' | 'm'
  readonly before: Row | null
  readonly after: Row | null
  /** Of an `m` event, which has no rows. */
  readonly message?: { readonly prefix: string; readonly content: Buffer }
  readonly source: Row & { readonly sequence: string }
}

/** Bytes of one schema to a value. */
type Read = (bytes: Buffer) => unknown

/** Every committed event of a topic, in the order of each partition. */
export async function readTopic(brokers: string, registry: string, topic: string): Promise<ReadEvent[]> {
  const readers = new Map<number, Read>()
  const records = await readCommittedByJava(brokers, topic)
  for (const { key, value } of records) {
    for (const id of [schemaId(key), schemaId(value)]) {
      if (id !== null && !readers.has(id)) readers.set(id, readerOf(await fetchSchema(registry, id)))
    }
  }
  return records.map(record => decode(record, readers))
}

const schemaId = (bytes: Buffer | null) => (bytes === null ? null : bytes.readInt32BE(1))

async function fetchSchema(registry: string, id: number): Promise<avsc.Schema> {
  const response = await fetch(`${registry}/schemas/ids/${id}`)
  const { schema } = (await response.json()) as { schema: string }
  return JSON.parse(schema) as avsc.Schema
}

function readerOf(schema: avsc.Schema): Read {
  const type = avsc.Type.forSchema(schema, {
    wrapUnions: 'never',
    typeHook: inner => (isLong(inner) ? long : undefined),
  })
  const scales = decimalScales(schema)
  const readRow = (row: Row | null) => row && withDecimals(row, scales)
  return bytes => {
    const value = type.fromBuffer(bytes) as Row & { before: Row | null; after: Row | null }
    return 'before' in value
      ? { ...value, before: readRow(value.before), after: readRow(value.after) }
      : value
  }
}

const isLong = (schema: avsc.Schema) =>
  schema === 'long' || (typeof schema === 'object' && 'type' in schema && schema.type === 'long')

/** Whole, and as a number where a number can be. */
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => {
    const value = bytes.readBigInt64LE()
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  },
  toBuffer: () => Buffer.alloc(8),
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'number' || typeof value === 'bigint',
  compare: () => 0,
})

/** Digits behind the point, by column, of an envelope's decimals. */
function decimalScales(schema: avsc.Schema): Map<string, number> {
  const text = JSON.stringify(schema)
  const fields =
    /"name":"([^"]+)","type":\["null",\{"type":"bytes"[^}]*"logicalType":"decimal"[^}]*"scale":(\d+)/g
  return new Map([...text.matchAll(fields)].map(([, name = '', scale]) => [name, Number(scale)]))
}

function withDecimals(row: Row, scales: ReadonlyMap<string, number>): Row {
  const decoded: Record<string, unknown> = { ...row }
  for (const [name, scale] of scales) {
    if (decoded[name] instanceof Uint8Array) decoded[name] = decimalText(Buffer.from(decoded[name]), scale)
  }
  return decoded
}

function decimalText(bytes: Buffer, scale: number): string {
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const fraction = scale > 0 ? `.${digits.slice(-scale)}` : ''
  return `${unscaled < 0n ? '-' : ''}${digits.slice(0, digits.length - scale)}${fraction}`
}

function decode(
  { partition, offset, key, value, headers }: RawRecord,
  readers: ReadonlyMap<number, Read>,
): ReadEvent {
  const read = (bytes: Buffer) => readers.get(bytes.readInt32BE(1))?.(bytes.subarray(5))
  return {
    partition,
    offset,
    headers,
    key: key && JSON.stringify(read(key)),
    value: value && (read(value) as Envelope),
  }
}

/** What a compacted reading of the topic leaves: the last row of each key, without those that were deleted. */
export function fold(events: readonly ReadEvent[]): Map<string, Row> {
  const rows = new Map<string, Row>()
  for (const { key, value } of events) {
    if (value?.op === 't') rows.clear()
    else if (key !== null && value?.after) rows.set(key, value.after)
    else if (key !== null) rows.delete(key)
  }
  return rows
}
