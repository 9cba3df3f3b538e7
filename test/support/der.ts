// Distinguished Encoding Rules (ITU-T X.690), as much of them as certificates need.

const CONSTRUCTED = 0x20

/** One value: its tag, its length, its contents. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

/** As few as hold the number, the first at most `highest`: in an integer, a bit above that would be its sign. */
function bytesOf(value: number, highest: number): Buffer {
  const bytes = [value & 0xff]
  for (let left = value >> 8; left > 0; left >>= 8) bytes.unshift(left & 0xff)
  return Buffer.from((bytes[0] ?? 0) > highest ? [0, ...bytes] : bytes)
}

function lengthOf(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes = bytesOf(length, 0xff)
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

export const sequence = (...items: readonly Uint8Array[]) => der(0x30, ...items)
export const set = (...items: readonly Uint8Array[]) => der(0x31, ...items)
export const bool = (value: boolean) => der(0x01, Buffer.from([value ? 0xff : 0]))
export const integer = (value: number) => der(0x02, bytesOf(value, 0x7f))
export const octets = (content: Uint8Array) => der(0x04, content)
export const bits = (content: Uint8Array, unused = 0) => der(0x03, Buffer.from([unused]), content)
export const utf8 = (text: string) => der(0x0c, Buffer.from(text))
/** `[NUMBER]` around what is inside. */
export const explicit = (number: number, content: Uint8Array) => der(0x80 | CONSTRUCTED | number, content)
/** `[NUMBER]` in place of the tag. */
export const implicit = (number: number, content: Uint8Array) => der(0x80 | number, content)

/** GeneralizedTime, to the second. */
export const time = (date: Date) =>
  der(0x18, Buffer.from(`${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`))

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return der(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let left = value >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}
