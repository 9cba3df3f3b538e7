// How Avro writes primitive values (specification 1.12, "Binary encoding").
//
//   int, long   zig-zag (0, -1, 1, -2 -> 0, 1, 2, 3), then 7 bits a byte, low ones first,
//               the high bit set on all but the last
//   string      length in bytes as a long, then UTF-8
//   bytes       length as a long, then the bytes
//   float       4 bytes, double 8 bytes, IEEE 754, little-endian
//   boolean     one byte, 0 or 1
//   union       index of the branch as a long, then the value; all unions here are ["null", T]:
//               0 alone, or 2 and the value
//
// Each function writes at `at` and returns where the next value goes. None checks for room: callers reserve
// it.

/** Most bytes that `writeLong` writes. */
export const MAX_LONG_BYTES = 10
export const MAX_INT_BYTES = 5

const TWO_32 = 2 ** 32

/** Up to here the loop beats the call into the runtime (measured on Node 24: 24 to 32 characters). */
const SHORT_TEXT = 28

const floats = new Float32Array(1)
const floatBytes = new Uint8Array(floats.buffer)
const doubles = new Float64Array(1)
const doubleBytes = new Uint8Array(doubles.buffer)

export function writeInt(bytes: Uint8Array, at: number, value: number): number {
  let rest = (value << 1) ^ (value >> 31)
  while (rest & ~127) {
    bytes[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  bytes[at++] = rest
  return at
}

/** Numbers must be safe integers, bigints must fit 64 bits. */
export function writeLong(bytes: Uint8Array, at: number, value: number | bigint): number {
  if (typeof value === 'bigint') {
    return writeLongParts(
      bytes,
      at,
      Number(BigInt.asIntN(32, value >> 32n)),
      Number(BigInt.asUintN(32, value)),
    )
  }
  if ((value | 0) === value) return writeInt(bytes, at, value)
  // Not `2 * value` as a double: zig-zag of a negative number beyond 2^52 would lose its last bit.
  return writeLongParts(bytes, at, Math.floor(value / TWO_32), value >>> 0)
}

/** `high` signed, `low` unsigned: the two halves of the two's complement. */
function writeLongParts(bytes: Uint8Array, at: number, high: number, low: number): number {
  const sign = high >> 31
  let upper = (((high << 1) | (low >>> 31)) ^ sign) >>> 0
  let lower = ((low << 1) ^ sign) >>> 0
  while (upper !== 0 || lower > 127) {
    bytes[at++] = (lower & 127) | 128
    lower = ((lower >>> 7) | (upper << 25)) >>> 0
    upper >>>= 7
  }
  bytes[at++] = lower
  return at
}

/** Lone surrogates become U+FFFD, as `Buffer.from` has it. */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const length = text.length
  if (length > SHORT_TEXT) return writeLongText(bytes, at, text)
  let end = at + 1
  for (let index = 0; index < length; index++) {
    const unit = text.charCodeAt(index)
    if (unit > 127) return writeLongText(bytes, at, text)
    bytes[end++] = unit
  }
  bytes[at] = length << 1
  return end
}

function writeLongText(bytes: Buffer, at: number, text: string): number {
  // The length stands first but is known last: guess its width from the characters, move the text if wrong.
  const guessed = lengthWidth(text.length)
  const written = bytes.write(text, at + guessed)
  const width = lengthWidth(written)
  if (width !== guessed) bytes.copyWithin(at + width, at + guessed, at + guessed + written)
  writeLong(bytes, at, written)
  return at + width + written
}

/** Bytes that a length takes. */
function lengthWidth(length: number): number {
  if (length < 64) return 1
  if (length < 8192) return 2
  if (length < 1 << 20) return 3
  return length < 1 << 27 ? 4 : 5
}

export function writeBytes(bytes: Uint8Array, at: number, value: Uint8Array): number {
  const start = writeLong(bytes, at, value.length)
  bytes.set(value, start)
  return start + value.length
}

export function writeFloat(bytes: Uint8Array, at: number, value: number): number {
  floats[0] = value
  for (let index = 0; index < 4; index++) bytes[at + index] = floatBytes[index] as number
  return at + 4
}

export function writeDouble(bytes: Uint8Array, at: number, value: number): number {
  doubles[0] = value
  for (let index = 0; index < 8; index++) bytes[at + index] = doubleBytes[index] as number
  return at + 8
}
