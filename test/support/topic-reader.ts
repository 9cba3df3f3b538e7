import avsc from 'avsc'
import { type RawRecord, readCommittedByJava } from './java-consumer.ts'

// Decodes change topics by avsc and the registry alone, as somebody would who has never seen this project.

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
  readonly op: 'c' | 'u' | 'd' | 'r' | 't'
  readonly before: Readonly<Record<string, unknown>> | null
  readonly after: Readonly<Record<string, unknown>> | null
  readonly source: Readonly<Record<string, unknown>> & { readonly sequence: string }
}

/** Every committed event of a topic, in the order of each partition. */
export async function readTopic(brokers: string, registry: string, topic: string): Promise<ReadEvent[]> {
  const types = new Map<number, avsc.Type>()
  const records = await readCommittedByJava(brokers, topic)
  for (const { key, value } of records) {
    for (const id of [schemaId(key), schemaId(value)]) {
      if (id !== null && !types.has(id)) types.set(id, await fetchType(registry, id))
    }
  }
  return records.map(record => decode(record, types))
}

const schemaId = (bytes: Buffer | null) => (bytes === null ? null : bytes.readInt32BE(1))

async function fetchType(registry: string, id: number): Promise<avsc.Type> {
  const response = await fetch(`${registry}/schemas/ids/${id}`)
  const { schema } = (await response.json()) as { schema: string }
  return avsc.Type.forSchema(JSON.parse(schema) as avsc.Schema, {
    wrapUnions: 'never',
    logicalTypes: { decimal: Decimal },
  })
}

/** Decimals as text, with as many digits behind the point as the schema says. */
class Decimal extends avsc.types.LogicalType {
  readonly #scale: number

  constructor(schema: avsc.Schema, options?: unknown) {
    super(schema, options as never)
    this.#scale = (schema as unknown as { scale?: number }).scale ?? 0
  }

  protected override _fromValue(bytes: Buffer): string {
    const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
    const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(this.#scale + 1, '0')
    const whole = digits.slice(0, digits.length - this.#scale)
    const fraction = this.#scale > 0 ? `.${digits.slice(-this.#scale)}` : ''
    return `${unscaled < 0n ? '-' : ''}${whole}${fraction}`
  }

  protected override _toValue(): never {
    throw new TypeError('this reader does not write')
  }
}

function decode(
  { partition, offset, key, value, headers }: RawRecord,
  types: Map<number, avsc.Type>,
): ReadEvent {
  const body = (bytes: Buffer) => types.get(bytes.readInt32BE(1))?.fromBuffer(bytes.subarray(5)) as unknown
  return {
    partition,
    offset,
    headers,
    key: key && JSON.stringify(body(key)),
    value: value && (body(value) as Envelope),
  }
}

/** What a compacted reading of the topic leaves: the last row of each key, without those that were deleted. */
export function fold(events: readonly ReadEvent[]): Map<string, Readonly<Record<string, unknown>>> {
  const rows = new Map<string, Readonly<Record<string, unknown>>>()
  for (const { key, value } of events) {
    if (value?.op === 't') rows.clear()
    else if (key !== null && value?.after) rows.set(key, value.after)
    else if (key !== null) rows.delete(key)
  }
  return rows
}
