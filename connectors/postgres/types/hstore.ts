import type { DecodeText } from './codec.ts'
import { closingQuote, unquote } from './quoted.ts'

const COMMA = 0x2c
const SPACE = 0x20
const EQUALS = 0x3d
const GREATER = 0x3e
const NULL = Buffer.from('NULL')

/** "hstore External Representation" (hstore): `"a"=>"1", "b"=>NULL`, keys and values always in quotes. */
export const decodeHstore: DecodeText = (bytes, start, end) => {
  const map = new Map<string, string | null>()
  if (start === end) return map
  for (let at = start; ; at += 2) {
    const keyEnd = closingQuote(bytes, at, end)
    if (keyEnd < 0 || bytes[keyEnd + 1] !== EQUALS || bytes[keyEnd + 2] !== GREATER) return undefined
    const key = unquote(bytes, at + 1, keyEnd).toString()
    at = keyEnd + 3
    if (at + 4 <= end && bytes.compare(NULL, 0, 4, at, at + 4) === 0) {
      map.set(key, null)
      at += 4
    } else {
      const valueEnd = closingQuote(bytes, at, end)
      if (valueEnd < 0) return undefined
      map.set(key, unquote(bytes, at + 1, valueEnd).toString())
      at = valueEnd + 1
    }
    if (at === end) return map
    if (at + 2 >= end || bytes[at] !== COMMA || bytes[at + 1] !== SPACE) return undefined
  }
}
