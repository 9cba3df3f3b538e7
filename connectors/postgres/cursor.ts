import { TributaryError } from '../../core/errors.ts'

/**
 * Reads one message of the wire at a time, in the place where it lies. All numbers are big-endian.
 *
 * Fields are open to the row decoder, which is the one hot place. Nothing that is read may refer to `bytes`
 * afterwards: the next message may lie in the same memory.
 */
export class Cursor {
  bytes: Buffer = Buffer.alloc(0)
  offset = 0
  end = 0

  /** Turns to the message in `bytes` from `offset` up to `end`. */
  turnTo(bytes: Buffer, offset: number, end: number): void {
    this.bytes = bytes
    this.offset = offset
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  /**
   * Moves past `count` bytes and returns where they begin.
   * @throws TributaryError PROTOCOL_MALFORMED when the message has fewer
   */
  pass(count: number): number {
    const start = this.offset
    const next = start + count
    if (count < 0 || next > this.end) throw tooShort()
    this.offset = next
    return start
  }

  uint8(): number {
    return this.bytes[this.pass(1)] as number
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.pass(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.pass(4))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.pass(4))
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64BE(this.pass(8))
  }

  /** A signed 64-bit number that is known to be a safe integer, such as a time in microseconds. */
  safeInt64(): number {
    const high = this.int32()
    return high * 0x1_0000_0000 + this.uint32()
  }

  /** A string that ends with a zero byte. */
  text(): string {
    const start = this.offset
    const zero = this.bytes.indexOf(0, start)
    if (zero < 0 || zero >= this.end) throw tooShort()
    this.offset = zero + 1
    return this.bytes.toString('utf8', start, zero)
  }
}

function tooShort(): TributaryError {
  return new TributaryError('PROTOCOL_MALFORMED', 'A message of the log ends before its last field.')
}
