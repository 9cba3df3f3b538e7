import type { Clock } from '../../core/clock.ts'

/** A clock that a test moves. Sleepers wake when the time they wait for has come. */
export class ManualClock implements Clock {
  #ms = 0
  #sleepers: { until: number; wake: () => void }[] = []

  now = () => 1_700_000_000_000 + this.#ms
  monotonic = () => this.#ms

  sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise(resolve => {
      if (signal?.aborted) return resolve()
      signal?.addEventListener('abort', () => resolve(), { once: true })
      this.#sleepers.push({ until: this.#ms + ms, wake: resolve })
    })

  get sleeping(): number {
    return this.#sleepers.length
  }

  /** Lets `ms` go by, and everything that waits for it run. */
  async pass(ms: number): Promise<void> {
    this.#ms += ms
    const due = this.#sleepers.filter(({ until }) => until <= this.#ms)
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#ms)
    for (const { wake } of due) wake()
    await settled()
  }
}

/** Everything that can run without waiting for time or input has run. */
export const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve))
