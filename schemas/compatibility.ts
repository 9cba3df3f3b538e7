import type { AvroField, AvroObject, AvroType } from './avro.ts'

/**
 * What keeps a reader with the newer envelope schema from understanding rows of the older, by field; empty:
 * nothing. Fields added or dropped never do, since all are nullable with a default. Schemas that are not ours
 * are left to the registry.
 *
 * Stricter than Avro's resolution (specification 1.12, "Schema Resolution") where that compares bytes and not
 * what they mean: a decimal of another scale, a number that becomes a date.
 */
export function findConflicts(older: string, newer: string): readonly string[] {
  const before = new Map(rowFieldsOf(older).map(field => [field.name, field.type]))
  return rowFieldsOf(newer).flatMap(({ name, type }) => {
    const was = before.get(name)
    if (was === undefined || isReadable(nonNull(was), nonNull(type))) return []
    return [`${name} was ${describeType(was)} and is now ${describeType(type)}`]
  })
}

/** `id int, total decimal(10,2)`: the columns of a key or an envelope schema. */
export function describeShape(schema: string): string {
  return rowFieldsOf(schema)
    .map(({ name, type }) => `${name} ${describeType(type)}`)
    .join(', ')
}

/** Avro types that a reader takes for another: the older type, then those it can become. */
const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

function isReadable(older: AvroType, newer: AvroType): boolean {
  const [wasParts, isParts] = [partsOf(older), partsOf(newer)]
  if (wasParts !== null && isParts !== null && wasParts.base === isParts.base) {
    const canBeNull = !isUnion(wasParts.parts) || isUnion(isParts.parts)
    return canBeNull && isReadable(nonNull(wasParts.parts), nonNull(isParts.parts))
  }
  const [was, is] = [meaningOf(older), meaningOf(newer)]
  if (was.meaning !== is.meaning) return false
  if (was.base === is.base) return true
  return was.meaning === '' && PROMOTIONS[was.base]?.includes(is.base) === true
}

/** What an array or a map holds. */
function partsOf(type: AvroType): { base: 'array' | 'map'; parts: AvroType } | null {
  if (typeof type === 'string' || isUnion(type)) return null
  const { type: base, items, values } = type
  if (base === 'array' && items !== undefined) return { base, parts: items }
  return base === 'map' && values !== undefined ? { base, parts: values } : null
}

/** The type of the bytes, and what must be equal for them to mean the same. */
function meaningOf(type: AvroType): { base: string; meaning: string } {
  if (typeof type === 'string') return { base: type, meaning: '' }
  if (isUnion(type)) return { base: JSON.stringify(type), meaning: '' }
  const { type: base, logicalType, scale, length } = type
  // The text of a uuid is a string like any other. Of bits, the length tells where they begin.
  const meaning =
    logicalType === undefined || logicalType === 'uuid' ? `${length ?? ''}` : `${logicalType} ${scale ?? ''}`
  return { base: typeof base === 'string' ? base : JSON.stringify(base), meaning }
}

function describeType(type: AvroType): string {
  const shown = nonNull(type)
  if (typeof shown === 'string') return shown
  if (isUnion(shown)) return JSON.stringify(shown)
  const { logicalType, precision, scale, length } = shown
  const parts = partsOf(shown)
  if (parts !== null) return `${parts.base} of ${describeType(parts.parts)}`
  if (logicalType === 'decimal') return `decimal(${precision},${scale})`
  if (length !== undefined) return `bits(${length})`
  return logicalType ?? (typeof shown.type === 'string' ? shown.type : JSON.stringify(shown.type))
}

/** The columns: the fields of a key, or of the row inside an envelope. */
function rowFieldsOf(schema: string): readonly AvroField[] {
  const { fields = [] } = parseSchema(schema)
  const before = fields.find(field => field.name === 'before')
  const row = before === undefined ? undefined : nonNull(before.type)
  const isEnvelope = typeof row === 'object' && !isUnion(row) && row.type === 'record'
  return isEnvelope ? (row.fields ?? []) : fields
}

/** A subject can hold what is no Avro (Protobuf): then there are no fields to compare. */
function parseSchema(text: string): Partial<AvroObject> {
  try {
    return JSON.parse(text) as AvroObject
  } catch {
    return {}
  }
}

function nonNull(type: AvroType): AvroType {
  if (!isUnion(type)) return type
  return type.find(branch => branch !== 'null') ?? 'null'
}

function isUnion(type: AvroType): type is readonly AvroType[] {
  return Array.isArray(type)
}
