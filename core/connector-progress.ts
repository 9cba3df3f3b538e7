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
  /** Commit times of the first events of the batches that are not durable yet, in their order; null: it has none. */
  #pendingUs: (number | null)[] = []

  constructor(clock: Clock, metrics: ConnectorMetrics) {
    this.#clock = clock
    this.#metrics = metrics
    metrics.lagFrom(() => this.lagSeconds)
  }

  /**
   * Age of the oldest committed change that has been read and is not durable yet. 0 when there is none: an idle
   * database does not lag. What a failed attempt had read counts until the next one reads.
   */
  get lagSeconds(): number {
    const oldestUs = this.#oldestPendingUs
    return oldestUs === null ? 0 : Math.max(0, this.#clock.now() * 1_000 - oldestUs) / 1_000_000
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

  /** An attempt reads, and all that is not durable comes again. */
  began(): void {
    this.#pendingUs = []
  }

  read({ events }: ChangeBatch): void {
    this.#pendingUs.push(events[0]?.commit.timeUs ?? null)
  }

  batched(batch: ChangeBatch, held: { records: number; bytes: number }): void {
    this.#eventsRead += batch.events.length
    this.#metrics.batched(batch)
    this.#hold(held)
  }

  written(write: Write, ms: number, held: { records: number; bytes: number }): void {
    this.#recordsWritten += write.records.length
    this.#lastWriteMs = this.#clock.now()
    this.#checkpoint = { ...this.#checkpoint, ...write.checkpoint }
    this.#pendingUs.splice(0, write.batches)
    this.#metrics.written(write.records.length, write.bytes, ms / 1_000)
    this.#hold(held)
  }

  /** The parts are gone, and what they held with them; it is not durable until it has been read again. */
  dropped(): void {
    const oldestUs = this.#oldestPendingUs
    this.#pendingUs = oldestUs === null ? [] : [oldestUs]
    this.#hold({ records: 0, bytes: 0 })
  }

  get #oldestPendingUs(): number | null {
    return this.#pendingUs.find(us => us !== null) ?? null
  }

  #hold(held: { records: number; bytes: number }): void {
    this.#held = held
    this.#metrics.held(held.records, held.bytes)
  }
}
