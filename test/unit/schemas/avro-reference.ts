import avsc from 'avsc'
import type { ColumnType, Row, Table, Value } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'

// A second way to write Avro, by avsc alone: what ours is compared with. Shares nothing with the product.

/** Longs as bigints. */
const long = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : a > b ? 1 : 0),
})

const isLong = (schema: unknown): boolean =>
  schema === 'long' ||
  (typeof schema === 'object' && schema !== null && 'type' in schema && schema.type === 'long')

export const avscType = (schema: unknown): avsc.Type =>
  avsc.Type.forSchema(structuredClone(schema) as avsc.Schema, {
    wrapUnions: 'never',
    typeHook: part => (isLong(part) ? long : undefined),
  })

/** The smallest two's-complement form, found by trying. */
export function decimalBytes(text: string): Buffer {
  const value = BigInt(text.replace('.', ''))
  let length = 1
  while (BigInt.asIntN(length * 8, value) !== value) length++
  return Buffer.from(
    Array.from({ length }, (_, index) =>
      Number(BigInt.asUintN(8, value >> BigInt(8 * (length - 1 - index)))),
    ),
  )
}

function avscValue(value: Value, type: ColumnType): unknown {
  if (value === null || value instanceof Unfit) return null
  if (value === UNAVAILABLE) {
    const marker = '__debezium_unavailable_value'
    if (type.kind === 'string' || type.kind === 'json') return marker
    return type.kind === 'bytes' ? Buffer.from(marker) : null
  }
  if (['long', 'time', 'timestamp', 'localTimestamp'].includes(type.kind)) return BigInt(value as number)
  if (type.kind === 'decimal') return decimalBytes(value as string)
  if (type.kind === 'array') return (value as Value[]).map(item => avscValue(item, type.items))
  if (type.kind === 'map') {
    const entries = [...(value as ReadonlyMap<string, string | null>)]
    return Object.fromEntries(entries.map(([name, text]) => [name, text?.toWellFormed() ?? null]))
  }
  // avsc would write halves of surrogate pairs as they are, and that is no UTF-8.
  if (typeof value === 'string') return String(value).toWellFormed()
  return type.kind === 'bytes' || type.kind === 'bits' || type.kind === 'geometry'
    ? Buffer.from(value as Uint8Array)
    : value
}

export const avscRow = (table: Table, row: Row): object =>
  Object.fromEntries(
    table.columns.map(({ name, type }, index) => [name, avscValue(row[index] as Value, type)]),
  )
