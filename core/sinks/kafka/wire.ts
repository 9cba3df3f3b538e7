import { TributaryError } from '../../errors.ts'

/**
 * Reads the numbers and texts of Kafka's protocol, big-endian, one after the other. Every read throws
 * PROTOCOL_MALFORMED when the bytes end before it.
 */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    return this.#bytes.readInt16BE(this.#pass(2))
  }

  int32(): number {
    return this.#bytes.readInt32BE(this.#pass(4))
  }

  bigint64(): bigint {
    return this.#bytes.readBigInt64BE(this.#pass(8))
  }

  /** Exact up to 2^53, which no offset reaches. */
  int64(): number {
    return Number(this.bigint64())
  }

  boolean(): boolean {
    return this.#bytes[this.#pass(1)] !== 0
  }

  /** Length int16, then UTF-8; a null text (length -1) is empty. */
  text(): string {
    const start = this.#pass(Math.max(0, this.int16()))
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** A whole number without sign, seven bits a byte, the lowest first. */
  uvarint(): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.#pass(1)] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new TributaryError('PROTOCOL_MALFORMED', 'an answer of Kafka holds a number that does not end')
  }

  /** One more than the length as uvarint, then UTF-8; a null text (0) is empty. */
  compactText(): string {
    const start = this.#pass(Math.max(0, this.uvarint() - 1))
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Length int32, then the bytes, as a view; null (length -1) is empty. */
  bytes(): Buffer {
    const start = this.#pass(Math.max(0, this.int32()))
    return this.#bytes.subarray(start, this.#at)
  }

  /** Count int32, then the items, each of a byte at the least: a wrong count ends with the bytes. */
  array<T>(item: (reader: WireReader) => T): T[] {
    const items: T[] = []
    for (let left = this.int32(); left > 0; left--) items.push(item(this))
    return items
  }

  /** Moves past so many bytes and returns where they begin. */
  #pass(count: number): number {
    const start = this.#at
    if (start + count > this.#bytes.length) {
      throw new TributaryError('PROTOCOL_MALFORMED', 'an answer of Kafka ends before its last field')
    }
    this.#at = start + count
    return start
  }
}

/** A text as Kafka's requests hold it: length int16, then UTF-8; null has length -1. */
export function wireText(text: string | null): Buffer {
  if (text === null) return Buffer.from([0xff, 0xff])
  const bytes = Buffer.allocUnsafe(2 + Buffer.byteLength(text))
  bytes.writeInt16BE(bytes.length - 2, 0)
  bytes.write(text, 2)
  return bytes
}

export function wireInt32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeInt32BE(value, 0)
  return bytes
}
