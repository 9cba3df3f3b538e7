import avsc from 'avsc'
import type { AvroField, AvroObject, AvroType } from './avro.ts'
import { guardBlocks } from './avro-blocks.ts'
import { formatDecimal } from './decimal.ts'
import { formatDate, formatLocalTimestamp, formatTime, formatTimestamp } from './temporal.ts'

/** A value as consumers get it: ready to be written into a database. */
export type Decoded =
  | null
  | boolean
  | number
  | bigint
  | string
  | Buffer
  | readonly Decoded[]
  | { readonly [name: string]: Decoded }

export type Fields = Readonly<Record<string, Decoded>>

/**
 * Reads the record that begins at `at` and must end where the bytes end; throws an Error when it does not.
 */
export type AvroReader = (bytes: Buffer, at: number) => Fields

/** As `entriesOf` describes it. */
interface MapEntry {
  readonly f0: string
  readonly f1: unknown
}

/** What makes a decoded value of what avsc returns; null: it is one already. */
type Convert = ((raw: never) => Decoded) | null

/** Reader of a record schema; throws an Error when the text is no such schema. */
export function compileReader(schemaText: string): AvroReader {
  const schema = JSON.parse(schemaText) as AvroType
  if (typeof schema === 'string' || isUnion(schema) || schema.type !== 'record') {
    throw new Error('the schema is no record')
  }
  const type = avsc.Type.forSchema(withSafeFieldNames(schema) as avsc.Schema, {
    wrapUnions: 'never',
    typeHook: typeHook(),
  })
  const convert = new Converters().of(schema, '') as (raw: unknown) => Fields
  return (bytes, at) => {
    const { value, offset } = type.decode(bytes, at)
    if (offset < 0) throw new Error('the bytes end within a value')
    if (offset < bytes.length) throw new Error('there are bytes behind the record')
    return convert(value)
  }
}

/**
 * A number while that is exact, else a bigint. (`registry` would not do: avsc ignores it for annotated
 * types.)
 */
const LONG = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => {
    const number = bytes.readInt32LE(4) * 2 ** 32 + bytes.readUInt32LE(0)
    return Number.isSafeInteger(number) ? number : bytes.readBigInt64LE()
  },
  toBuffer: (value: number | bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(value))
    return bytes
  },
  fromJSON: Number,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' || Number.isSafeInteger(value),
  compare: (a: number | bigint, b: number | bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

/** What we have types of our own for, or types with more care than avsc's; undefined: it makes its own. */
function typeHook(): (schema: unknown, options: avsc.ForSchemaOptions) => avsc.Type | undefined {
  const making = new Set<unknown>()
  return (schema, options) => {
    const name = typeof schema === 'object' && schema !== null && 'type' in schema ? schema.type : schema
    if (name === 'long') return LONG
    if (name !== 'array' || making.has(schema)) return undefined
    making.add(schema)
    return guardBlocks(avsc.Type.forSchema(schema as avsc.Schema, options))
  }
}

/**
 * avsc makes properties of field names by assignment, so a column called `__proto__` would become the
 * prototype. Fields are therefore numbered for it, and get their names in our own conversion.
 */
function withSafeFieldNames(type: AvroType): AvroType {
  if (typeof type === 'string') return type
  if (isUnion(type)) return type.map(withSafeFieldNames)
  const { fields, items, values } = type
  if (type.type === 'map') return entriesOf(values ?? 'null')
  return {
    ...type,
    type: typeof type.type === 'string' ? type.type : withSafeFieldNames(type.type),
    ...(fields ? { fields: fields.map(numberedField) } : {}),
    ...(items ? { items: withSafeFieldNames(items) } : {}),
  }
}

/**
 * A map's bytes are those of an array of entries, and as such its names become no properties either. The record has no
 * name, which avsc lets pass: there may be many in one schema.
 */
function entriesOf(values: AvroType): AvroType {
  const entry = {
    type: 'record',
    fields: [
      { name: 'f0', type: 'string' },
      { name: 'f1', type: withSafeFieldNames(values) },
    ],
  } as const
  return { type: 'array', items: entry }
}

function numberedField({ type }: AvroField, index: number): AvroField {
  return { name: `f${index}`, type: withSafeFieldNames(type) }
}

/** Conversions of one schema's types, with its named records. */
class Converters {
  readonly #records = new Map<string, Convert>()

  of(type: AvroType, namespace: string): Convert {
    if (typeof type === 'string') {
      return this.#records.get(type) ?? this.#records.get(`${namespace}.${type}`) ?? null
    }
    if (isUnion(type)) return this.#union(type, namespace)
    if (type.type === 'record') return this.#record(type, namespace)
    if (type.type === 'array') return this.#array(type.items ?? 'null', namespace)
    if (type.type === 'map') return this.#map(type.values ?? 'null', namespace)
    if (typeof type.type !== 'string') return this.of(type.type, namespace)
    return convertLogical(type)
  }

  #record(type: AvroObject, outer: string): Convert {
    const name = type.name ?? ''
    const dot = name.lastIndexOf('.')
    const namespace = dot < 0 ? (type.namespace ?? outer) : name.slice(0, dot)
    const fullName = dot < 0 && namespace !== '' ? `${namespace}.${name}` : name
    const fields = type.fields ?? []
    const converts = fields.map(field => this.of(field.type, namespace))
    const convert = compileRecord(fields, converts)
    this.#records.set(fullName, convert)
    return convert
  }

  /** Only unions of null and one other type have a conversion; others are left as they are. */
  #union(branches: readonly AvroType[], namespace: string): Convert {
    const converts = branches.map(branch => this.of(branch, namespace))
    const other = branches.findIndex(branch => branch !== 'null')
    const convert = branches.length === 2 && branches.includes('null') ? converts[other] : null
    return convert ? (raw: never) => (raw === null ? null : convert(raw)) : null
  }

  #array(items: AvroType, namespace: string): Convert {
    const convert = this.of(items, namespace)
    return convert && ((raw: readonly never[]) => raw.map(item => convert(item)))
  }

  #map(values: AvroType, namespace: string): Convert {
    const convert = this.of(values, namespace)
    return (raw: readonly MapEntry[]) =>
      Object.fromEntries(raw.map(({ f0, f1 }) => [f0, convert ? convert(f1 as never) : f1])) as Decoded
  }
}

/**
 * One object literal: the engine then knows the shape of the rows. Names are legal Avro names (avsc has
 * refused others) and computed keys, as `__proto__: x` in a literal would set the prototype.
 */
function compileRecord(fields: readonly AvroField[], converts: readonly Convert[]): Convert {
  const entries = fields.map(({ name }, index) => {
    const raw = `raw.f${index}`
    return `[${JSON.stringify(name)}]: ${converts[index] ? `converts[${index}](${raw})` : raw}`
  })
  return new Function('converts', `return raw => ({ ${entries.join(', ')} })`)(converts) as Convert
}

function convertLogical({ type, logicalType, scale = 0 }: AvroObject): Convert {
  switch (`${type} ${logicalType}`) {
    case 'int date':
      return formatDate
    case 'long time-micros':
      return formatTime
    case 'long timestamp-micros':
      return formatTimestamp
    case 'long local-timestamp-micros':
      return formatLocalTimestamp
    case 'bytes decimal':
      return (raw: Buffer) => formatDecimal(raw, scale)
    default:
      return null
  }
}

function isUnion(type: AvroType): type is readonly AvroType[] {
  return Array.isArray(type)
}
