import { type ColumnType, UNAVAILABLE, type Value } from '../../core/types.ts'
import { parseDate, parseTime, parseTimestamp } from './datetime.ts'
import { parseBytea, parseDecimal, parseFloatingPoint, parseInteger } from './literals.ts'

/**
 * Reads a value from its text, which lies in `bytes` from `start` up to `end`; undefined when it does not have the
 * form of its type. What is returned does not refer to `bytes`.
 */
export type DecodeText = (bytes: Buffer, start: number, end: number) => Value | undefined

export interface ColumnCodec {
  readonly type: ColumnType
  readonly decodeText: DecodeText
}

export interface ValueOptions {
  /** `string`: every numeric is its exact text, NaN and infinities included. */
  readonly decimals: 'precise' | 'string'
}

/** The OIDs of built-in types: fixed for ever by Postgres' catalog (src/include/catalog/pg_type.dat). */
const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const

const LETTER_F = 0x66
const LETTER_T = 0x74

const decodeString: DecodeText = (bytes, start, end) => bytes.toString('utf8', start, end)

const decodeBoolean: DecodeText = (bytes, start, end) => {
  if (end - start !== 1) return undefined
  const letter = bytes[start]
  return letter === LETTER_T ? true : letter === LETTER_F ? false : undefined
}

const decodeUuid: DecodeText = (bytes, start, end) =>
  end - start === 36 ? bytes.toString('latin1', start, end) : undefined

/** A time beyond what 64 bits of microseconds hold has no form in the column's type. */
const decodeTimestamp: DecodeText = (bytes, start, end) => {
  const us = parseTimestamp(bytes, start, end)
  return us === null ? UNAVAILABLE : us
}

const STRING: ColumnCodec = { type: { kind: 'string' }, decodeText: decodeString }

/** One line for each type that is not taken as the server's text. Numeric depends on its modifier, see below. */
const CODECS: ReadonlyMap<number, ColumnCodec> = new Map<number, ColumnCodec>([
  [OID.bool, { type: { kind: 'boolean' }, decodeText: decodeBoolean }],
  [OID.int2, { type: { kind: 'int' }, decodeText: parseInteger }],
  [OID.int4, { type: { kind: 'int' }, decodeText: parseInteger }],
  [OID.int8, { type: { kind: 'long' }, decodeText: parseInteger }],
  [OID.oid, { type: { kind: 'long' }, decodeText: parseInteger }],
  [OID.float4, { type: { kind: 'float' }, decodeText: parseFloatingPoint }],
  [OID.float8, { type: { kind: 'double' }, decodeText: parseFloatingPoint }],
  [OID.bytea, { type: { kind: 'bytes' }, decodeText: parseBytea }],
  [OID.uuid, { type: { kind: 'uuid' }, decodeText: decodeUuid }],
  [OID.json, { type: { kind: 'json' }, decodeText: decodeString }],
  [OID.jsonb, { type: { kind: 'json' }, decodeText: decodeString }],
  [OID.date, { type: { kind: 'date' }, decodeText: parseDate }],
  [OID.time, { type: { kind: 'time' }, decodeText: parseTime }],
  [OID.timestamp, { type: { kind: 'localTimestamp' }, decodeText: decodeTimestamp }],
  [OID.timestamptz, { type: { kind: 'timestamp' }, decodeText: decodeTimestamp }],
])

/** What becomes of a column: `typeOid` is a base type, not a domain. Types that are not known are text. */
export function columnCodec(typeOid: number, typeModifier: number, options: ValueOptions): ColumnCodec {
  if (typeOid === OID.numeric) return numericCodec(typeModifier, options)
  return CODECS.get(typeOid) ?? STRING
}

/**
 * The modifier of numeric(p,s) is 4 + (p << 16 | s), with s in 11 bits and signed (src/backend/utils/adt/numeric.c,
 * make_numeric_typmod). A negative scale rounds to the left of the point: there are no digits behind it, and more
 * before it than p. A scale above p leaves zeros behind the point: a decimal holds them among its digits.
 */
function numericCodec(typeModifier: number, { decimals }: ValueOptions): ColumnCodec {
  if (typeModifier < 4 || decimals === 'string') return STRING
  const packed = typeModifier - 4
  const declaredPrecision = packed >>> 16
  const declaredScale = ((packed & 0x7ff) ^ 0x400) - 0x400
  const scale = Math.max(0, declaredScale)
  const precision = Math.max(declaredPrecision - Math.min(0, declaredScale), scale)
  return {
    type: { kind: 'decimal', precision, scale },
    decodeText: (bytes, start, end) => parseDecimal({ bytes, start, end }, scale),
  }
}
