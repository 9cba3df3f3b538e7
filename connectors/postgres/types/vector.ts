import { parseFloatingPoint } from '../literals.ts'
import type { DecodeText } from './codec.ts'

const [OPEN, CLOSE, COMMA] = [0x5b, 0x5d, 0x2c]

/** vector and halfvec of pgvector: `[1,2.5,-3e-05]`. */
export const decodeVector: DecodeText = (bytes, start, end) => {
  const last = end - 1
  if (bytes[start] !== OPEN || last <= start || bytes[last] !== CLOSE) return undefined
  const numbers: number[] = []
  for (let at = start + 1; ; at++) {
    let until = at
    while (until < last && bytes[until] !== COMMA) until++
    const number = parseFloatingPoint(bytes, at, until)
    if (number === undefined) return undefined
    numbers.push(number)
    if (until === last) return numbers
    at = until
  }
}
