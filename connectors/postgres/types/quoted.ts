// Text in double quotes, as arrays and hstore print it: a backslash stands before each quote and backslash inside. Both
// are ASCII, which never occurs within a longer character of UTF-8.

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Where the text that is opened at `at` is closed again, at its closing quote; -1 if it is not, before `end`. */
export function closingQuote(bytes: Buffer, at: number, end: number): number {
  if (bytes[at] !== QUOTE) return -1
  for (let offset = at + 1; offset < end; offset++) {
    const byte = bytes[offset]
    if (byte === QUOTE) return offset
    if (byte === BACKSLASH) offset++
  }
  return -1
}

/** What stands between quotes, without its backslashes: a part of `bytes` where it has none, else a copy. */
export function unquote(bytes: Buffer, start: number, end: number): Buffer {
  let offset = start
  while (offset < end && bytes[offset] !== BACKSLASH) offset++
  if (offset === end) return bytes.subarray(start, end)
  const text = Buffer.allocUnsafe(end - start)
  let length = bytes.copy(text, 0, start, offset)
  for (; offset < end; offset++) {
    if (bytes[offset] === BACKSLASH) offset++
    text[length++] = bytes[offset] as number
  }
  return text.subarray(0, length)
}
