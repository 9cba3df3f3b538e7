import type { DecodeText } from './codec.ts'

const ZERO = 0x30
const ONE = 0x31

/** bit(1): `0` or `1`. */
export const decodeBit: DecodeText = (bytes, start, end) => {
  if (end - start !== 1) return undefined
  const digit = bytes[start]
  return digit === ONE ? true : digit === ZERO ? false : undefined
}

/** bit(length), a digit a bit: the same bits big-endian, the last one lowest. */
export function bitsDecoder(length: number): DecodeText {
  return (bytes, start, end) => {
    if (end - start !== length) return undefined
    const value = new Uint8Array(Math.ceil(length / 8))
    for (let bit = 0; bit < length; bit++) {
      const digit = (bytes[end - 1 - bit] as number) - ZERO
      if (digit === 1) (value[value.length - 1 - (bit >> 3)] as number) |= 1 << (bit & 7)
      else if (digit !== 0) return undefined
    }
    return value
  }
}
