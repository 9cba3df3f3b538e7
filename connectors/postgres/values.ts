import { type ColumnType, Unfit } from '../../core/types.ts'
import { parseDate, parseTime, parseTimestamp } from './datetime.ts'
import { parseBytea, parseDecimal, parseFloatingPoint, parseInteger } from './literals.ts'
import { arrayDecoder } from './types/array.ts'
import { bitsDecoder, decodeBit } from './types/bits.ts'
import type { ArrayParts, BaseType, ColumnCodec, DecodeText } from './types/codec.ts'
import { decodeBox, decodeEwkb, decodePoint, decodePolygon, decodeSegment } from './types/geometry.ts'
import { decodeHstore } from './types/hstore.ts'
import { decodeVector } from './types/vector.ts'

export type { BaseType, ColumnCodec, DecodeText } from './types/codec.ts'

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
  point: 600,
  lseg: 601,
  box: 603,
  polygon: 604,
  float4: 700,
  float8: 701,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  bit: 1560,
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
  return us === null ? new Unfit(bytes.toString('latin1', start, end)) : us
}

const STRING: ColumnCodec = { type: { kind: 'string' }, decodeText: decodeString }
const GEOMETRY: ColumnType = { kind: 'geometry', srid: null }

/** One line for each type that is not taken as the server's text. Those that depend on their modifier stand below. */
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
  [OID.point, { type: GEOMETRY, decodeText: decodePoint }],
  [OID.lseg, { type: GEOMETRY, decodeText: decodeSegment }],
  [OID.box, { type: GEOMETRY, decodeText: decodeBox }],
  [OID.polygon, { type: GEOMETRY, decodeText: decodePolygon }],
  [OID.date, { type: { kind: 'date' }, decodeText: parseDate }],
  [OID.time, { type: { kind: 'time' }, decodeText: parseTime }],
  [OID.timestamp, { type: { kind: 'localTimestamp' }, decodeText: decodeTimestamp }],
  [OID.timestamptz, { type: { kind: 'timestamp' }, decodeText: decodeTimestamp }],
])

/** Types of extensions, which have no fixed OIDs, by `EXTENSION.TYPE`. */
const EXTENSION_CODECS: Readonly<Record<string, (typeModifier: number) => ColumnCodec>> = {
  'hstore.hstore': () => ({ type: { kind: 'map' }, decodeText: decodeHstore }),
  'postgis.geometry': ewkbCodec,
  'postgis.geography': ewkbCodec,
  'vector.vector': () => ({ type: { kind: 'vector' }, decodeText: decodeVector }),
  'vector.halfvec': () => ({ type: { kind: 'vector' }, decodeText: decodeVector }),
}

/** What becomes of a column. Types that are not known are text. */
export function typeCodec(type: BaseType, options: ValueOptions): ColumnCodec {
  if (type.array) return arrayCodec(type.array, options)
  const { extension, typeOid, typeModifier } = type
  if (extension !== undefined) return EXTENSION_CODECS[extension]?.(typeModifier) ?? STRING
  return columnCodec(typeOid, typeModifier, options)
}

/** The same for a type that every server has, by its OID there, which is no array and no domain. */
export function columnCodec(typeOid: number, typeModifier: number, options: ValueOptions): ColumnCodec {
  if (typeOid === OID.numeric) return numericCodec(typeModifier, options)
  if (typeOid === OID.bit) return bitCodec(typeModifier)
  return CODECS.get(typeOid) ?? STRING
}

/**
 * What becomes of a column that is part of the key: text instead of an array or a map. A key must be able to hold every
 * value of its column, arrays of any dimensions among them.
 */
export function keyCodec(codec: ColumnCodec): ColumnCodec {
  const { kind } = codec.type
  return kind === 'array' || kind === 'map' || kind === 'vector' ? STRING : codec
}

function arrayCodec({ element, delimiter, dimensions }: ArrayParts, options: ValueOptions): ColumnCodec {
  if (dimensions > 1) return STRING
  const { type, decodeText } = typeCodec(element, options)
  return { type: { kind: 'array', items: type }, decodeText: arrayDecoder(decodeText, delimiter) }
}

/** The modifier of bit(n) is n. One without it (`CREATE TABLE ... AS`) holds any number of bits, like bit varying. */
function bitCodec(length: number): ColumnCodec {
  if (length < 1) return STRING
  if (length === 1) return { type: { kind: 'boolean' }, decodeText: decodeBit }
  return { type: { kind: 'bits', length }, decodeText: bitsDecoder(length) }
}

/**
 * The modifier of geometry(Point,4326) holds the SRID, signed, in the 21 bits from the 8th on (PostGIS,
 * liblwgeom.h, TYPMOD_GET_SRID). 0: each value has its own.
 */
function ewkbCodec(typeModifier: number): ColumnCodec {
  const srid = typeModifier < 0 ? 0 : ((typeModifier & 0x0fffff00) - (typeModifier & 0x10000000)) >> 8
  return { type: { kind: 'geometry', srid: srid > 0 ? srid : null }, decodeText: decodeEwkb }
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
