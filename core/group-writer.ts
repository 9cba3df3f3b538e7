import type { Clock } from './clock.ts'
import type { ChangeBatch, OutRecord, Sink } from './types.ts'
import { DEFAULT_WRITE_LIMITS, type Write, WriteBuffer, type WriteLimits } from './write-buffer.ts'

/**
 * A write does not begin sooner than this after the last one began. Without a floor, transactions chase each
 * other, the coordinator turns many away, and the 99th percentile doubles.
 */
export const MIN_WRITE_INTERVAL_MS = 6

export interface GroupWriterOptions {
  readonly sink: Pick<Sink, 'write'>
  readonly clock: Clock
  readonly limits?: WriteLimits
  readonly minIntervalMs?: number
  /** A write is durable; `ms` is how long it took. */
  readonly onDurable: (write: Write, ms: number) => void
  /** A write has failed; nothing more will be written. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Group commit: one write at a time, and what arrives meanwhile is the next one. At low load a write holds one
 * source transaction, at high load it grows to the buffer's limit by itself.
 *
 * States: idle -add-> writing -write durable, nothing ready-> idle; writing -write failed-> failed, for good.
 */
export class GroupWriter {
  readonly #options: GroupWriterOptions
  readonly #buffer: WriteBuffer
  #writing: Promise<void> | null = null
  #write: Write | null = null
  #failure: { error: unknown } | null = null
  #lastBegan = Number.NEGATIVE_INFINITY
  #room: (() => void) | null = null

  constructor(options: GroupWriterOptions) {
    this.#options = options
    this.#buffer = new WriteBuffer(options.limits ?? DEFAULT_WRITE_LIMITS)
  }

  /** What is held and not durable yet, the write in progress included. */
  get held(): { records: number; bytes: number } {
    const records = this.#buffer.records + (this.#write?.records.length ?? 0)
    return { records, bytes: this.#buffer.bytes + (this.#write?.bytes ?? 0) }
  }

  get isFull(): boolean {
    return this.#buffer.isFull
  }

  add(records: OutRecord[], batch: ChangeBatch): void {
    // What was being encoded when a write failed comes too late; a write on top would hide why the first failed.
    if (this.#failure) return
    this.#buffer.add(records, batch)
    this.#writing ??= this.#writeWhatIsReady()
  }

  /** Resolves once the buffer has been handed to the sink; rejects when a write has failed. */
  async room(): Promise<void> {
    while (this.#buffer.isFull && !this.#failure) await new Promise<void>(resolve => (this.#room = resolve))
    this.#throwFailure()
  }

  /** Writes what is ready and waits until it is durable; an unfinished transaction stays behind. */
  async drain(): Promise<void> {
    while (this.#writing) await this.#writing
    this.#throwFailure()
  }

  /** Never rejects: a failure is kept for `room` and `drain`, and told once. */
  async #writeWhatIsReady(): Promise<void> {
    // First a turn of its own: without it, what ends at once would be cleared before `add` has noted it.
    await null
    try {
      while (this.#buffer.isReady) await this.#writeOnce()
    } catch (error) {
      this.#failure = { error }
      this.#options.onFailure(error)
    } finally {
      this.#writing = null
      this.#write = null
      this.#room?.()
    }
  }

  async #writeOnce(): Promise<void> {
    const { clock, sink, onDurable, minIntervalMs = MIN_WRITE_INTERVAL_MS } = this.#options
    const early = this.#lastBegan + minIntervalMs - clock.monotonic()
    if (early > 0) await clock.sleep(early)
    this.#lastBegan = clock.monotonic()
    const write = this.#buffer.take()
    this.#write = write
    this.#room?.()
    await sink.write(write.records, write.checkpoint)
    this.#write = null
    onDurable(write, clock.monotonic() - this.#lastBegan)
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }
}
