// Avro decimal: the digits without the point as a two's-complement big-endian integer, in the fewest bytes
// that hold it; precision and scale stand in the schema. As text: an optional minus, digits, and `scale`
// digits behind a point.

import { writeLong } from './wire.ts'

export interface DecimalForm {
  /** Most digits, from 1. */
  readonly precision: number
  /** Digits behind the point, 0 to `precision`. */
  readonly scale: number
}

/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15

const POWERS_OF_TEN = Array.from({ length: EXACT_DIGITS + 1 }, (_, digits) => 10 ** digits)

const MINUS = 45
const POINT = 46
const ZERO = 48

/**
 * Writes `bytes` of a decimal at `at`; returns where the next value goes, -1 when the text does not have this
 * form.
 */
export function writeDecimal(bytes: Buffer, at: number, text: string, form: DecimalForm): number {
  const { precision, scale } = form
  const isNegative = text.charCodeAt(0) === MINUS
  const first = isNegative ? 1 : 0
  const point = scale === 0 ? text.length : text.length - scale - 1
  const digits = text.length - first - (scale === 0 ? 0 : 1)
  if (point <= first) return -1
  if (digits > EXACT_DIGITS) return writeLargeDecimal(bytes, at, text, form)
  let value = 0
  for (let index = first; index < text.length; index++) {
    const unit = text.charCodeAt(index)
    if (index === point) {
      if (unit !== POINT) return -1
    } else {
      const digit = unit - ZERO
      if (digit < 0 || digit > 9) return -1
      value = value * 10 + digit
    }
  }
  if (precision < EXACT_DIGITS && value >= (POWERS_OF_TEN[precision] as number)) return -1
  return writeInteger(bytes, at, isNegative ? -value : value)
}

/** Length and big-endian bytes of an integer below 2^53. */
function writeInteger(bytes: Buffer, at: number, value: number): number {
  const low = value | 0
  const high = Math.floor(value / 2 ** 32)
  const length =
    value === low
      ? integerWidth(low)
      : 4 + (high === 0 || high === -1 ? signWidth(high, low) : integerWidth(high))
  bytes[at++] = length << 1
  for (let index = length - 1; index >= 4; index--) bytes[at++] = high >> ((index - 4) * 8)
  for (let index = Math.min(length, 4) - 1; index >= 0; index--) bytes[at++] = low >> (index * 8)
  return at
}

/** Bytes that the upper half takes when it is all sign: none if the lower half already shows it. */
function signWidth(high: number, low: number): number {
  return low >> 31 === high ? 0 : 1
}

function integerWidth(value: number): number {
  if (value >= -0x80 && value < 0x80) return 1
  if (value >= -0x8000 && value < 0x8000) return 2
  return value >= -0x800000 && value < 0x800000 ? 3 : 4
}

/** Digits with the sign and without the point, null when the text does not have this form. */
export function decimalDigits(text: string, { precision, scale }: DecimalForm): string | null {
  const point = text.length - scale - 1
  if (scale > 0 && text[point] !== '.') return null
  const digits = scale > 0 ? text.slice(0, point) + text.slice(point + 1) : text
  // A digit stands in front of the point.
  if (!/^-?\d+$/.test(digits) || !/\d/.test(text.slice(0, scale > 0 ? point : text.length))) return null
  return digits.replace(/^-?0*/, '').length > precision ? null : digits
}

function writeLargeDecimal(bytes: Buffer, at: number, text: string, form: DecimalForm): number {
  const digits = decimalDigits(text, form)
  if (digits === null) return -1
  const value = BigInt(digits)
  // For a negative number `~value` has the same bits to tell apart, and is not negative.
  const magnitude = value < 0n ? ~value : value
  const length = Math.floor(magnitude.toString(2).length / 8) + 1
  const hex = BigInt.asUintN(length * 8, value)
    .toString(16)
    .padStart(length * 2, '0')
  const start = writeLong(bytes, at, length)
  bytes.write(hex, start, 'hex')
  return start + length
}

/** Bytes that `readIntBE` takes. */
const SMALL_BYTES = 6

/** The exact text of a decimal's bytes. */
export function formatDecimal(bytes: Buffer, scale: number): string {
  const value =
    bytes.length === 0 ? 0 : bytes.length <= SMALL_BYTES ? bytes.readIntBE(0, bytes.length) : readLarge(bytes)
  const digits = (value < 0 ? -value : value).toString().padStart(scale + 1, '0')
  const point = digits.length - scale
  const text = scale === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
  return value < 0 ? `-${text}` : text
}

function readLarge(bytes: Buffer): bigint {
  return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
}
