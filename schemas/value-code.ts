import type { ColumnType, PlainKind } from '../core/types.ts'
import { writeDecimal } from './decimal.ts'
import { UNAVAILABLE_MARKER } from './envelope.ts'
import {
  MAX_INT_BYTES,
  MAX_LONG_BYTES,
  writeBytes,
  writeDouble,
  writeFloat,
  writeInt,
  writeLong,
  writeText,
} from './wire.ts'

/**
 * How generated code handles a value `v` of one kind. What it writes goes to `b` at `p`. FORM stands for the column's
 * type, PARTS for a `PartsWriter` of what the value is made of, REFUSE for a call that throws.
 */
export interface ValueCode {
  /** Whether `v` has the form of this kind. */
  readonly test: string
  readonly write: string
  /** Most bytes of a value, beyond those that `measure` tells. */
  readonly fixed: number
  /** Adds to `n` what this value takes at most beyond `fixed`. */
  readonly measure?: string
}

/** Writes the parts of an array or a map, with all that Avro puts around them. */
export interface PartsWriter {
  /** At least as many bytes as `write` takes. */
  bound(value: unknown): number
  /** Returns where the next value goes. */
  write(bytes: Buffer, at: number, value: unknown): number
}

const MEASURE_TEXT = 'if (typeof v === "string") n += v.length < 65536 ? 3 * v.length : byteLength(v)'
const MEASURE_BYTES = 'if (v instanceof Uint8Array) n += v.length'

const INT: ValueCode = {
  test: 'typeof v === "number" && (v | 0) === v',
  write: 'p = writeInt(b, p, v)',
  fixed: MAX_INT_BYTES,
}
const LONG: ValueCode = {
  test: 'typeof v === "number" ? isSafeInteger(v) : typeof v === "bigint" && asIntN(64, v) === v',
  write: 'p = writeLong(b, p, v)',
  fixed: MAX_LONG_BYTES,
}
const TEXT: ValueCode = {
  test: 'typeof v === "string"',
  write: 'p = writeText(b, p, v)',
  fixed: MAX_INT_BYTES,
  measure: MEASURE_TEXT,
}
const BYTES: ValueCode = {
  test: 'v instanceof Uint8Array',
  write: 'p = writeBytes(b, p, v)',
  fixed: MAX_INT_BYTES,
  measure: MEASURE_BYTES,
}
/** The count in front of the parts, and the zero behind them. */
const FRAME_BYTES = MAX_LONG_BYTES + 1
const ARRAY: ValueCode = {
  test: 'Array.isArray(v)',
  write: 'p = PARTS.write(b, p, v)',
  fixed: FRAME_BYTES,
  measure: 'if (Array.isArray(v)) n += PARTS.bound(v)',
}

const VALUE_CODES: Readonly<Record<PlainKind | ColumnType['kind'], ValueCode>> = {
  boolean: { test: 'typeof v === "boolean"', write: 'b[p++] = v ? 1 : 0', fixed: 1 },
  int: INT,
  date: INT,
  long: LONG,
  time: LONG,
  timestamp: LONG,
  localTimestamp: LONG,
  float: { test: 'typeof v === "number"', write: 'p = writeFloat(b, p, v)', fixed: 4 },
  double: { test: 'typeof v === "number"', write: 'p = writeDouble(b, p, v)', fixed: 8 },
  string: TEXT,
  json: TEXT,
  uuid: TEXT,
  bytes: BYTES,
  geometry: BYTES,
  bits: { ...BYTES, test: 'v instanceof Uint8Array && v.length === Math.ceil(FORM.length / 8)' },
  decimal: {
    test: 'typeof v === "string"',
    write: 'p = writeDecimal(b, p, v, FORM); if (p < 0) REFUSE',
    fixed: MAX_INT_BYTES,
    measure: MEASURE_TEXT,
  },
  array: ARRAY,
  vector: ARRAY,
  map: { ...ARRAY, test: 'v instanceof Map', measure: 'if (v instanceof Map) n += PARTS.bound(v)' },
}

/** The names that stand in the code for what it needs. */
export interface Places {
  readonly form: string
  readonly parts: string
  readonly refuse: string
}

export function valueCode({ kind }: ColumnType, { form, parts, refuse }: Places): ValueCode {
  const code = VALUE_CODES[kind]
  const placed = (text: string) =>
    text.replaceAll('FORM', form).replaceAll('PARTS', parts).replaceAll('REFUSE', refuse)
  const common = { test: placed(code.test), write: placed(code.write), fixed: code.fixed }
  return code.measure ? { ...common, measure: placed(code.measure) } : common
}

/** The helpers that generated code calls, by the names it has for them. */
export const HELPERS = {
  writeInt,
  writeLong,
  writeText,
  writeBytes,
  writeFloat,
  writeDouble,
  writeDecimal,
  byteLength: Buffer.byteLength,
  isSafeInteger: Number.isSafeInteger,
  asIntN: BigInt.asIntN,
}

/** Room for the marker in whatever can carry it. */
export const MARKER_BYTES = UNAVAILABLE_MARKER.length

/** Writer of what values of this type are made of; null: of nothing. `refuse` throws. */
export function compileParts(type: ColumnType, refuse: () => never): PartsWriter | null {
  switch (type.kind) {
    case 'array':
      return compileArray(type.items, refuse)
    case 'vector':
      return vectorWriter(refuse)
    case 'map':
      return MAP_WRITER
    default:
      return null
  }
}

/** One block of all items, each a union with null; then the end, a block of none. */
function compileArray(items: ColumnType, refuse: () => never): PartsWriter {
  const code = valueCode(items, { form: 'items', parts: 'parts', refuse: 'refuse()' })
  const source = `
    function bound(values) { let v, n = values.length * ${1 + code.fixed}
      ${code.measure ? `for (let i = 0; i < values.length; i++) { v = values[i]; ${code.measure} }` : ''}
      return n
    }
    function write(b, p, values) { let v
      if (values.length > 0) p = writeLong(b, p, values.length)
      for (let i = 0; i < values.length; i++) {
        v = values[i]
        if (v === null) b[p++] = 0
        else if (${code.test}) { b[p++] = 2; ${code.write} }
        else refuse()
      }
      b[p++] = 0
      return p
    }
    return { bound, write }`
  const scope = { ...HELPERS, items, parts: compileParts(items, refuse), refuse }
  return new Function(...Object.keys(scope), source)(...Object.values(scope)) as PartsWriter
}

function vectorWriter(refuse: () => never): PartsWriter {
  return {
    bound: (numbers: readonly number[]) => numbers.length * 4,
    write(bytes, at, numbers: readonly number[]) {
      if (numbers.length > 0) at = writeLong(bytes, at, numbers.length)
      for (const number of numbers) {
        if (typeof number !== 'number') return refuse()
        at = writeFloat(bytes, at, number)
      }
      bytes[at] = 0
      return at + 1
    },
  }
}

const textBound = (text: string): number => (text.length < 65536 ? 3 * text.length : Buffer.byteLength(text))

type TextMap = ReadonlyMap<string, string | null>

const MAP_WRITER: PartsWriter = {
  bound(map: TextMap) {
    let bytes = 0
    for (const [name, value] of map) {
      bytes += 1 + 2 * MAX_INT_BYTES + textBound(name) + (value === null ? 0 : textBound(value))
    }
    return bytes
  },
  write(bytes, at, map: TextMap) {
    if (map.size > 0) at = writeLong(bytes, at, map.size)
    for (const [name, value] of map) {
      at = writeText(bytes, at, name)
      bytes[at++] = value === null ? 0 : 2
      if (value !== null) at = writeText(bytes, at, value)
    }
    bytes[at] = 0
    return at + 1
  },
}
