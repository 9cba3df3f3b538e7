import type { Clock } from './clock.ts'
import type { ConnectorMetrics } from './metrics.ts'
import type { ChangeBatch, Checkpoint } from './types.ts'
import type { Write } from './write-buffer.ts'

/** What a connector has read, holds and has written, for `/status` and `/metrics`. */
export class ConnectorProgress {
  readonly #clock: Clock
  readonly #metrics: ConnectorMetrics
  #eventsRead = 0
  #recordsWritten = 0
  #lastWriteMs: number | null = null
  #checkpoint: Checkpoint = {}
  #held = { records: 0, bytes: 0 }
  #oldestHeldUs: number | null = null
  #newestReadUs = 0

  constructor(clock: Clock, metrics: ConnectorMetrics) {
    this.#clock = clock
    this.#metrics = metrics
    metrics.lagFrom(() => this.lagSeconds)
  }

  /**
   * Age of the oldest committed change that has been read and is not durable yet. 0 when there is none: an idle
   * database does not lag.
   */
  get lagSeconds(): number {
    if (this.#oldestHeldUs === null) return 0
    return Math.max(0, this.#clock.now() / 1_000 - this.#oldestHeldUs / 1_000_000)
  }

  status() {
    return {
      eventsRead: this.#eventsRead,
      recordsWritten: this.#recordsWritten,
      lastWriteAt: this.#lastWriteMs === null ? null : new Date(this.#lastWriteMs).toISOString(),
      checkpoint: this.#checkpoint,
      held: this.#held,
      lagSeconds: this.lagSeconds,
    }
  }

  batched(batch: ChangeBatch, held: { records: number; bytes: number }): void {
    const first = batch.events[0]
    const last = batch.events.at(-1)
    if (first && last) {
      this.#oldestHeldUs ??= first.commit.timeUs
      this.#newestReadUs = last.commit.timeUs
    }
    this.#eventsRead += batch.events.length
    this.#metrics.batched(batch)
    this.#hold(held)
  }

  written(write: Write, ms: number, held: { records: number; bytes: number }): void {
    this.#recordsWritten += write.records.length
    this.#lastWriteMs = this.#clock.now()
    this.#checkpoint = { ...this.#checkpoint, ...write.checkpoint }
    this.#oldestHeldUs = held.records === 0 ? null : this.#newestReadUs
    this.#metrics.written(write.records.length, write.bytes, ms / 1_000)
    this.#hold(held)
  }

  /** The parts are gone, and what they held with them; it is read again. */
  dropped(): void {
    this.#oldestHeldUs = null
    this.#hold({ records: 0, bytes: 0 })
  }

  #hold(held: { records: number; bytes: number }): void {
    this.#held = held
    this.#metrics.held(held.records, held.bytes)
  }
}
