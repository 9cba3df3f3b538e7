import type { ChangeBatch, ChangeEvent, Checkpoint, Source } from '../../core/types.ts'

/** Pulls batches from a source as a pipeline would, and keeps them. */
export class BatchReader {
  readonly batches: ChangeBatch[] = []
  readonly source: Source
  readonly #abort = new AbortController()
  readonly #iterator: AsyncIterator<ChangeBatch>
  #pending: Promise<IteratorResult<ChangeBatch>> | null = null

  constructor(source: Source, from: Checkpoint) {
    this.source = source
    this.#iterator = source.stream(from, this.#abort.signal)[Symbol.asyncIterator]()
  }

  get events(): ChangeEvent[] {
    return this.batches.flatMap(batch => batch.events)
  }

  /** The checkpoint of the last batch. */
  get checkpoint(): Checkpoint {
    return this.batches.at(-1)?.checkpoint ?? {}
  }

  /** Pulls one batch. */
  async pull(): Promise<ChangeBatch> {
    this.#pending ??= this.#iterator.next()
    const { value, done } = await this.#pending
    this.#pending = null
    if (done) throw new Error('the stream has ended')
    this.batches.push(value)
    return value
  }

  /** Pulls until `holds`. */
  async pullUntil(holds: (reader: this) => boolean): Promise<this> {
    while (!holds(this)) await this.pull()
    return this
  }

  async pullEvents(count: number): Promise<this> {
    return await this.pullUntil(({ events }) => events.length >= count)
  }

  /** Ends the stream in order, and gives back what it held. */
  async stop(): Promise<void> {
    this.#abort.abort()
    if (this.#pending) await this.#pending
    else await this.#iterator.return?.()
    await this.source.close()
  }

  /** Aborts; resolves when the pull that was waiting has ended, with whether the stream has. */
  async abort(): Promise<boolean> {
    this.#pending ??= this.#iterator.next()
    this.#abort.abort()
    return (await this.#pending).done === true
  }
}
