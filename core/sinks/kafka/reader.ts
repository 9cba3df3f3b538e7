import { backoffMs } from '../../backoff.ts'
import type { Clock } from '../../clock.ts'
import type { TributaryError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { type Cluster, KafkaClient, type KafkaSettings } from './client.ts'
import { committedBatches } from './committed.ts'
import { toKafkaError } from './errors.ts'
import { type FetchedPartition, fetchPartitions } from './fetch.ts'
import { type From, type PartitionPlace, Places, type Until } from './places.ts'
import type { LogHeader } from './record-decoder.ts'

export type { From } from './places.ts'

export interface CommittedRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly LogHeader[]
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number
}

export interface ReadOptions {
  readonly kafka: KafkaSettings
  readonly topics: readonly string[]
  readonly from: From
  readonly until: Until
  readonly signal: AbortSignal
  readonly clock: Clock
  readonly log: Logger
  /** How long Kafka may be away before reading fails, in milliseconds; default a minute. */
  readonly patienceMs?: number
}

const READ_COMMITTED = 1
const WAIT_MS = 500
const FETCH_BYTES = 8 * 1024 * 1024
const PARTITION_BYTES = 1024 * 1024
const DEFAULT_PATIENCE_MS = 60_000
const NEW_TOPIC_PATIENCE_MS = 3_000
const RETRY_BACKOFF = { firstMs: 50, maxMs: 2_000 }

/**
 * Every committed record of the topics, without a consumer group: each partition's in the order of its log, a
 * batch of the log at a time. The client's own consumer is of no use here: it shows aborted records when two
 * producers' transactions interleave, and never tells that a log ends with a marker. Goes on over brokers that
 * restart and leaders that move. Throws KAFKA_UNREACHABLE, KAFKA_REFUSED, KAFKA_TOPIC_UNSUITABLE (no such topic),
 * POSITION_INVALID (the offset is gone from the log), PROTOCOL_UNKNOWN, PROTOCOL_MALFORMED.
 */
export async function* readCommitted(options: ReadOptions): AsyncGenerator<CommittedRecord[]> {
  const client = new KafkaClient(options.kafka, options.log)
  const end = () => client.destroy()
  options.signal.addEventListener('abort', end)
  try {
    if (!options.signal.aborted) yield* new CommittedReader(client.cluster(), options).read()
  } catch (error) {
    if (!options.signal.aborted) throw error
  } finally {
    options.signal.removeEventListener('abort', end)
    client.destroy()
  }
}

class CommittedReader {
  readonly #options: ReadOptions
  readonly #cluster: Cluster
  readonly #places: Places
  #failures = 0
  #failingSince = 0

  constructor(cluster: Cluster, options: ReadOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#places = new Places(cluster, options)
  }

  async *read(): AsyncGenerator<CommittedRecord[]> {
    await this.#patiently(() => this.#places.find())
    while (!this.#options.signal.aborted && this.#places.unfinished.length > 0) {
      const answers = await this.#patiently(() => this.#fetch())
      for (const answer of answers ?? []) yield* this.#accept(answer)
    }
  }

  /** One fetch from each leader, all at a time. */
  async #fetch(): Promise<FetchedPartition[]> {
    if (this.#failures > 0) await this.#places.refreshLeaders()
    const byLeader = Map.groupBy(this.#places.unfinished, ({ topic, partition }) =>
      this.#places.leaderOf(topic, partition),
    )
    const answers = await Promise.all(
      Array.from(byLeader, async ([nodeId, places]) => {
        const broker = await this.#cluster.findBroker({ nodeId: String(nodeId) })
        return fetchPartitions(broker, fetchOf(places))
      }),
    )
    const fetched = answers.flat()
    const failed = fetched.find(({ errorCode }) => errorCode !== 0)
    if (failed !== undefined) throw this.#places.errorOf(failed)
    this.#places.noteAnswers(fetched)
    return fetched
  }

  *#accept(answer: FetchedPartition): Generator<CommittedRecord[]> {
    const { topic, partition } = answer
    const place = this.#places.at(topic, partition)
    for (const batch of committedBatches(answer, place.nextOffset)) {
      // What came after the end was asked for belongs to the next reading.
      const records = batch.records.filter(({ offset }) => offset < place.endOffset)
      place.nextOffset = batch.nextOffset
      if (records.length > 0) yield records.map(record => ({ topic, partition, ...record }))
    }
  }

  /** Tries again after a failure that can pass, for as long as patience lasts; undefined when aborted. */
  async #patiently<T>(attempt: () => Promise<T>): Promise<T | undefined> {
    const { clock, signal, topics } = this.#options
    for (;;) {
      try {
        const result = await attempt()
        this.#failures = 0
        return result
      } catch (thrown) {
        if (signal.aborted) return undefined
        const error = toKafkaError(thrown, `reading ${topics.join(', ')}`, 'KAFKA_UNREACHABLE')
        if (this.#failures === 0) this.#failingSince = clock.monotonic()
        if (clock.monotonic() - this.#failingSince >= this.#patienceMs(error)) throw error
        await clock.sleep(backoffMs(this.#failures++, RETRY_BACKOFF), signal)
      }
    }
  }

  /** Just after a topic was made, a broker may not have heard of it. */
  #patienceMs({ code }: TributaryError): number {
    const { patienceMs = DEFAULT_PATIENCE_MS } = this.#options
    if (code === 'KAFKA_TOPIC_UNSUITABLE') return Math.min(patienceMs, NEW_TOPIC_PATIENCE_MS)
    return code === 'KAFKA_UNREACHABLE' ? patienceMs : 0
  }
}

function fetchOf(places: readonly PartitionPlace[]) {
  const byTopic = Map.groupBy(places, ({ topic }) => topic)
  return {
    isolationLevel: READ_COMMITTED,
    maxWaitTime: WAIT_MS,
    minBytes: 1,
    maxBytes: FETCH_BYTES,
    topics: Array.from(byTopic, ([topic, partitions]) => ({
      topic,
      partitions: partitions.map(({ partition, nextOffset }) => ({
        partition,
        fetchOffset: nextOffset,
        maxBytes: PARTITION_BYTES,
      })),
    })),
  }
}
