const CHUNK_BYTES = 1 << 20
/** Beyond what two writes hold, chunks are left to the collector. */
const MAX_SPARE = 12

/**
 * Where records are written: one allocation for thousands of them, used again once they have been published.
 * A new one each time would be a third of what the garbage collector is called for.
 */
export class Arena {
  #chunk: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  #used = 0
  /** Chunks that are full and whose records may still be needed, the oldest first. */
  readonly #full: Buffer[] = []
  readonly #spare: Buffer[] = []
  /** The chunk in which each batch ended that has not been released. */
  #marks: Buffer[] = []

  /** Makes room for `bytes` from `at` on. A record that turns out shorter gives the rest back. */
  reserve(bytes: number): void {
    if (this.#used + bytes <= this.#chunk.length) return
    this.#full.push(this.#chunk)
    const spare = bytes <= CHUNK_BYTES ? this.#spare.pop() : undefined
    this.#chunk = spare ?? Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, bytes))
    this.#used = 0
  }

  /** Valid until the next `reserve`. */
  get chunk(): Buffer {
    return this.#chunk
  }

  get at(): number {
    return this.#used
  }

  /** What was written from `at` up to `end` stays until it is released. */
  keep(end: number): void {
    this.#used = end
  }

  /** A batch ends here. */
  mark(): void {
    this.#marks.push(this.#chunk)
  }

  /** Nobody looks any more at the records of the `batches` oldest batches. */
  release(batches: number): void {
    const last = this.#marks[batches - 1]
    this.#marks = this.#marks.slice(batches)
    while (last !== undefined && this.#full.length > 0 && this.#full[0] !== last) this.#recycle()
  }

  #recycle(): void {
    const chunk = this.#full.shift()
    if (chunk?.length === CHUNK_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(chunk)
  }
}
