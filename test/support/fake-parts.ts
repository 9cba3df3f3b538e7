import type { ChangeBatch, Checkpoint, Encoder, Finding, OutRecord, Sink, Source } from '../../core/types.ts'
import { batch, record } from './events.ts'

/** Every source says first that it reads; tests speak of what comes after. */
const BEGUN = 'begun'
const isBegun = ({ stream }: Checkpoint) => stream?.position === BEGUN

/** A source that yields what a test gives it, and remembers what it was told. */
export class FakeSource implements Source {
  readonly acknowledged: Checkpoint[] = []
  from: Checkpoint | null = null
  closed = false
  findings: Finding[] = []
  #queue: (ChangeBatch | Error)[] = []
  #wake: (() => void) | null = null

  give(...batches: (ChangeBatch | Error)[]): void {
    this.#queue.push(...batches)
    this.#wake?.()
  }

  /** What has not been pulled yet. */
  get waiting(): number {
    return this.#queue.length
  }

  async check(): Promise<Finding[]> {
    return this.findings
  }

  async *stream(from: Checkpoint, signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    this.from = from
    yield batch(BEGUN)
    signal.addEventListener('abort', () => this.#wake?.())
    while (!signal.aborted) {
      const next = this.#queue.shift()
      if (next instanceof Error) throw next
      if (next) yield next
      else await new Promise<void>(resolve => (this.#wake = resolve))
    }
  }

  acknowledge(checkpoint: Checkpoint): void {
    if (!isBegun(checkpoint)) this.acknowledged.push(checkpoint)
  }

  status = () => ({})

  async close(): Promise<void> {
    this.closed = true
  }
}

/** One record for each event, whose value is the name in the event's row. */
export const namesEncoder: Encoder = {
  prepare: () => undefined,
  encode: ({ events }) => events.map(event => record(String(event.after?.[1]))),
  release: () => undefined,
}

interface HeldWrite {
  readonly values: string[]
  readonly checkpoint: Checkpoint
  settle(error?: Error): void
}

/** A sink whose writes end when the test says so. */
export class HeldSink implements Sink {
  readonly writes: HeldWrite[] = []
  readonly start: Checkpoint
  closed = false

  constructor(start: Checkpoint = {}) {
    this.start = start
  }

  async open(): Promise<Checkpoint> {
    return this.start
  }

  write(records: readonly OutRecord[], checkpoint: Checkpoint): Promise<void> {
    if (isBegun(checkpoint)) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.writes.push({
        values: records.map(({ value }) => String(value)),
        checkpoint,
        settle: error => (error ? reject(error) : resolve()),
      })
    })
  }

  async close(): Promise<void> {
    this.closed = true
  }
}
