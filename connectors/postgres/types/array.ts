import { Unfit, type Value } from '../../../core/types.ts'
import type { DecodeText } from './codec.ts'
import { closingQuote, unquote } from './quoted.ts'

// "Array Input and Output Syntax" (arrays-io): `{1,NULL,"a b"}`. Elements stand in quotes when they hold a brace, the
// delimiter, a quote, a backslash or white space, are empty, or read NULL. More dimensions are braces within braces;
// `[2:3]={1,2}` where an index does not begin with 1. The server takes any of these in any column of arrays.

const OPEN = 0x7b
const CLOSE = 0x7d
const BRACKET = 0x5b
const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Reads arrays of one dimension that begin with index 1, which nearly all are. Others are `Unfit`, and so is one with an
 * element that is.
 */
export function arrayDecoder(decodeElement: DecodeText, delimiter: string): DecodeText {
  const separator = delimiter.charCodeAt(0)
  return (bytes, start, end) => {
    const last = end - 1
    if (last <= start || bytes[last] !== CLOSE) return undefined
    if (bytes[start] === BRACKET) return unfit(bytes, start, end)
    if (bytes[start] !== OPEN) return undefined
    const elements: Value[] = []
    if (start + 1 === last) return elements
    if (bytes[start + 1] === OPEN) return unfit(bytes, start, end)
    for (let at = start + 1; ; at++) {
      const isQuoted = bytes[at] === QUOTE
      const until = isQuoted ? closingQuote(bytes, at, last) : endOfPlain(bytes, at, last, separator)
      if (until <= at) return undefined
      const element = isQuoted
        ? decodeQuoted(decodeElement, bytes, at + 1, until)
        : isNull(bytes, at, until)
          ? null
          : decodeElement(bytes, at, until)
      if (element === undefined) return undefined
      if (element instanceof Unfit) return unfit(bytes, start, end)
      elements.push(element)
      at = isQuoted ? until + 1 : until
      if (at === last) return elements
      if (bytes[at] !== separator) return undefined
    }
  }
}

const unfit = (bytes: Buffer, start: number, end: number): Unfit =>
  new Unfit(bytes.toString('utf8', start, end))

/** Where an element without quotes ends; -1 if it holds what would have been quoted. */
function endOfPlain(bytes: Buffer, at: number, last: number, separator: number): number {
  let offset = at
  for (; offset < last; offset++) {
    const byte = bytes[offset]
    if (byte === separator) break
    if (byte === OPEN || byte === CLOSE || byte === QUOTE || byte === BACKSLASH) return -1
  }
  return offset
}

function decodeQuoted(decode: DecodeText, bytes: Buffer, start: number, end: number): Value | undefined {
  const text = unquote(bytes, start, end)
  return decode(text, 0, text.length)
}

const isNull = (bytes: Buffer, at: number, end: number): boolean =>
  end - at === 4 &&
  bytes[at] === 0x4e &&
  bytes[at + 1] === 0x55 &&
  bytes[at + 2] === 0x4c &&
  bytes[at + 3] === 0x4c
