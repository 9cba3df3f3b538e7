/** Reads the numbers and texts of Kafka's protocol, big-endian, one after the other. */
export class WireReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  bigint64(): bigint {
    this.#at += 8
    return this.#bytes.readBigInt64BE(this.#at - 8)
  }

  /** Exact up to 2^53, which no offset reaches. */
  int64(): number {
    return Number(this.bigint64())
  }

  boolean(): boolean {
    this.#at += 1
    return this.#bytes[this.#at - 1] !== 0
  }

  /** Length int16, then UTF-8; a null text (length -1) is empty. */
  text(): string {
    const start = this.#at + 2
    this.#at = start + Math.max(0, this.int16())
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Length int32, then the bytes, as a view; null (length -1) is empty. */
  bytes(): Buffer {
    const length = Math.max(0, this.int32())
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** Count int32, then the items. */
  array<T>(item: (reader: WireReader) => T): T[] {
    const items: T[] = []
    for (let left = this.int32(); left > 0; left--) items.push(item(this))
    return items
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
