const CHUNK_BYTES = 1 << 20

/**
 * Where records are written: one allocation for thousands of them, each record a view into it. Chunks are
 * never written twice, so a record is good for as long as somebody holds it; a chunk goes when its last
 * record does.
 */
export class Arena {
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #used = 0

  /** Makes room for `bytes` from `at` on. A record that turns out shorter gives the rest back. */
  reserve(bytes: number): void {
    if (this.#used + bytes <= this.#chunk.length) return
    this.#chunk = Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes))
    this.#used = 0
  }

  /** Valid until the next `reserve`. */
  get chunk(): Buffer {
    return this.#chunk
  }

  get at(): number {
    return this.#used
  }

  /** The record that was written from `at` up to `end`. */
  take(end: number): Buffer {
    const start = this.#used
    this.#used = end
    return this.#chunk.subarray(start, end)
  }
}
