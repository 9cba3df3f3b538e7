import { Unfit } from '../../core/types.ts'

// Numbers and bytes from the server's text, read where they lie. Malformed text gives undefined.

const ZERO = 0x30
const MINUS = 0x2d
const DOT = 0x2e
const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** So many digits are always a safe integer. */
const SAFE_DIGITS = 15
/** The powers of ten that a double holds exactly, as far as SAFE_DIGITS reaches. */
const POWERS_OF_TEN = Array.from({ length: SAFE_DIGITS + 1 }, (_, exponent) => 10 ** exponent)

/** int2, int4, int8, oid: a number while it is a safe integer, else a bigint. */
export function parseInteger(bytes: Buffer, start: number, end: number): number | bigint | undefined {
  const isNegative = bytes[start] === MINUS
  const first = isNegative ? start + 1 : start
  if (end - first > SAFE_DIGITS) return parseLongInteger(bytes.toString('latin1', start, end))
  if (end <= first) return undefined
  let value = 0
  for (let offset = first; offset < end; offset++) {
    const digit = (bytes[offset] as number) - ZERO
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return isNegative ? -value : value
}

function parseLongInteger(text: string): number | bigint | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined
  const value = Number(text)
  return Number.isSafeInteger(value) ? value : BigInt(text)
}

/**
 * float4, float8: the shortest text that stands for the value. Up to 15 digits and a power of ten are exact in a
 * double, so one division rounds as correctly as a full parse; the rest is left to the language.
 */
export function parseFloatingPoint(bytes: Buffer, start: number, end: number): number | undefined {
  const isNegative = bytes[start] === MINUS
  let mantissa = 0
  let digits = 0
  let digitsBeforePoint = -1
  for (let offset = isNegative ? start + 1 : start; offset < end; offset++) {
    const byte = bytes[offset] as number
    if (byte >= ZERO && byte <= ZERO + 9) {
      mantissa = mantissa * 10 + byte - ZERO
      digits++
    } else if (byte === DOT && digitsBeforePoint < 0) {
      digitsBeforePoint = digits
    } else {
      return parseAnyFloat(bytes.toString('latin1', start, end))
    }
  }
  if (digits === 0 || digits > SAFE_DIGITS) return parseAnyFloat(bytes.toString('latin1', start, end))
  const divisor = digitsBeforePoint < 0 ? 1 : (POWERS_OF_TEN[digits - digitsBeforePoint] as number)
  return (isNegative ? -mantissa : mantissa) / divisor
}

function parseAnyFloat(text: string): number | undefined {
  if (text === 'NaN') return Number.NaN
  if (!/^-?(\d+(\.\d*)?(e[+-]?\d+)?|Infinity)$/i.test(text)) return undefined
  return Number(text)
}

/** numeric(p,s): exactly `scale` digits behind the point. NaN and the infinities have no decimal form. */
export function parseDecimal(
  { bytes, start, end }: { bytes: Buffer; start: number; end: number },
  scale: number,
): string | Unfit | undefined {
  let point = end
  for (let offset = bytes[start] === MINUS ? start + 1 : start; offset < end; offset++) {
    const byte = bytes[offset] as number
    if (byte >= ZERO && byte <= ZERO + 9) continue
    if (byte !== DOT || point !== end) return parseNoDecimal(bytes.toString('latin1', start, end))
    point = offset
  }
  const text = bytes.toString('latin1', start, end)
  const missing = scale - Math.max(0, end - point - 1)
  if (missing === 0 && point !== start) return text
  if (missing < 0 || !/\d$/.test(text)) return undefined
  return `${text}${point === end ? '.' : ''}${'0'.repeat(missing)}`
}

function parseNoDecimal(text: string): Unfit | undefined {
  return /^(NaN|-?Infinity)$/.test(text) ? new Unfit(text) : undefined
}

/** bytea as `bytea_output = hex` prints it: `\x` and two digits a byte. */
export function parseBytea(bytes: Buffer, start: number, end: number): Uint8Array | undefined {
  if (bytes[start] !== BACKSLASH || bytes[start + 1] !== LETTER_X) return undefined
  return parseBytes(bytes, start + 2, end)
}

/** Two digits a byte. */
export function parseBytes(bytes: Buffer, start: number, end: number): Uint8Array | undefined {
  const value = Buffer.from(bytes.toString('latin1', start, end), 'hex')
  return value.length * 2 === end - start ? value : undefined
}
