import { backoffMs } from '../../backoff.ts'
import type { Clock } from '../../clock.ts'
import { TributaryError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { Checkpoint, OutRecord, Sink } from '../../types.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { checkpointRecords, foldCheckpoint, lastWriter } from './checkpoint.ts'
import { type Cluster, KafkaClient, type KafkaSettings } from './client.ts'
import { beforeDeadline } from './deadline.ts'
import { toKafkaError } from './errors.ts'
import { endLastTransaction } from './hanging.ts'
import { KafkaProducer } from './producer.ts'
import { type CommittedRecord, type From, readCommitted } from './reader.ts'
import { BATCH_HEADER_BYTES } from './record-encoder.ts'
import { type Request, RequestSplitter } from './requests.ts'
import { beginTenure, type Tenure } from './tenure.ts'
import { type KafkaTopics, refuseTooLarge } from './topics.ts'

export interface KafkaSinkOptions {
  /** The connector's name; two sinks of one name fence each other. */
  readonly connector: string
  readonly checkpointTopic: string
  readonly kafka: KafkaSettings
  readonly delivery: 'exactly-once' | 'at-least-once'
  /** Makes the checkpoint topic and knows what topics accept. Closed by whoever made it. */
  readonly topics: KafkaTopics
  readonly clock: Clock
  readonly log: Logger
  /** The worker's hold of this connector, the same for all its sinks. */
  readonly tenure?: Tenure
  /** Records of one partition after which the producer is renewed; only tests choose. */
  readonly renewAfter?: number
}

/** The client numbers a partition's records wrongly from 2^31 on. */
const RENEW_AFTER = 1_000_000_000
const ASK_TIMEOUT_MS = 30_000
const ASK_BACKOFF = { firstMs: 50, maxMs: 1_000 }
/** Offsets from the end of the checkpoint topic among which a write of somebody must be. */
const LAST_WRITES = 100

export function createKafkaSink(options: KafkaSinkOptions): Sink {
  return new KafkaSink(options)
}

/** The transactional id, which Kafka's rights and its tools know the connector by. */
export function transactionalIdOf(connector: string): string {
  return `tributary.${connector}`
}

/**
 * States: new -open-> open -write settles-> open; open -write or renewal rejects-> failed; any -close-> closed.
 * Failed and closed are final, since after a rejection the producer cannot be trusted.
 *
 * Exactly once: a write is one transaction of the events and the checkpoint. At least once: the events, then the
 * checkpoint; a failure between the two repeats the events.
 */
class KafkaSink implements Sink {
  readonly #options: KafkaSinkOptions
  readonly #closing = new AbortController()
  readonly #acknowledgements = new Acknowledgements()
  readonly #splitter: RequestSplitter
  readonly #tenure: Tenure
  #producer: KafkaProducer | null = null

  constructor(options: KafkaSinkOptions) {
    this.#options = options
    this.#tenure = options.tenure ?? beginTenure()
    this.#splitter = new RequestSplitter(topic => this.#maxBatchBytes(topic))
  }

  async open(): Promise<Checkpoint> {
    const { log } = this.#options
    try {
      await this.#ensureCheckpointTopic()
      await this.#refuseAfterTakeover()
      this.#producer = await this.#takeOver()
      const { checkpoint, readUntil } = await foldCheckpoint(this.#readCheckpointTopic('beginning'))
      this.#throwIfClosed()
      this.#tenure.readUntil = readUntil
      log.info({ entries: Object.keys(checkpoint).length }, 'sink open')
      return checkpoint
    } catch (error) {
      this.#discard()
      throw error
    }
  }

  async write(records: readonly OutRecord[], checkpoint: Checkpoint): Promise<void> {
    if (this.#producer === null) throw new TributaryError('INTERNAL', 'a write to a sink that is not open')
    try {
      const isWorn = this.#acknowledgements.mostWritten >= (this.#options.renewAfter ?? RENEW_AFTER)
      await this.#write(records, checkpoint, isWorn ? await this.#renew() : this.#producer)
      // Nothing was written for a checkpoint without entries, and the last writer is still who it was.
      this.#tenure.hasWritten ||= Object.keys(checkpoint).length > 0
    } catch (error) {
      this.#discard()
      throw error
    }
  }

  /** Waits for nothing: what is under way rejects. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#discard()
  }

  async #write(
    records: readonly OutRecord[],
    checkpoint: Checkpoint,
    producer: KafkaProducer,
  ): Promise<void> {
    const { checkpointTopic, clock, delivery } = this.#options
    const written = { topic: checkpointTopic, worker: this.#tenure.worker, nowMs: clock.now() }
    const entries = checkpointRecords(checkpoint, written)
    if (delivery === 'at-least-once') {
      await producer.send(await this.#cut([records]))
      return producer.send(await this.#cut([entries]))
    }
    const requests = await this.#cut([records, entries])
    if (requests.length > 0) await producer.transact(requests)
  }

  /** Throws RECORD_TOO_LARGE before anything is sent. */
  async #cut(lists: readonly (readonly OutRecord[])[]): Promise<readonly Request[]> {
    for (const records of lists) await this.#learnLimits(records)
    for (const records of lists) for (const record of records) this.#splitter.add(record)
    const { requests, oversized } = this.#splitter.take()
    for (const record of oversized) await refuseTooLarge(record, this.#options.topics)
    return requests
  }

  async #learnLimits(records: readonly OutRecord[]): Promise<void> {
    const { topics } = this.#options
    let last = ''
    for (const { topic } of records) {
      if (topic === last) continue
      last = topic
      if (topics.knownConfigOf(topic) === undefined) await topics.configOf(topic)
    }
  }

  #maxBatchBytes(topic: string): number {
    return (this.#options.topics.knownConfigOf(topic)?.maxMessageBytes ?? 0) - BATCH_HEADER_BYTES
  }

  async #openProducer(): Promise<KafkaProducer> {
    const { connector, delivery, kafka, clock, log } = this.#options
    const signal = this.#closing.signal
    const producer = await KafkaProducer.open({
      kafka,
      transactionalId: delivery === 'exactly-once' ? transactionalIdOf(connector) : undefined,
      acknowledgements: this.#acknowledgements,
      clock,
      log,
      signal,
    })
    this.#acknowledgements.startProducer()
    if (signal.aborted) producer.destroy()
    this.#throwIfClosed()
    return producer
  }

  async #renew(): Promise<KafkaProducer> {
    const old = this.#producer
    this.#producer = await this.#openProducer()
    old?.destroy()
    this.#options.log.info('producer renewed')
    return this.#producer
  }

  /** A checkpoint that is deleted with age is a start from nothing, some day. */
  async #ensureCheckpointTopic(): Promise<void> {
    const { checkpointTopic: topic, topics } = this.#options
    const partitions = await topics.ensureTopic(topic, { partitions: 1, isCheckpoint: true })
    const { cleanupPolicy } = await topics.configOf(topic)
    if (partitions !== 1) {
      throw new TributaryError('KAFKA_TOPIC_UNSUITABLE', `${topic} has ${partitions} partitions, must have 1`)
    }
    if (cleanupPolicy !== 'compact') {
      const message = `${topic} has cleanup.policy=${cleanupPolicy}, must have compact`
      throw new TributaryError('KAFKA_TOPIC_UNSUITABLE', message)
    }
  }

  /**
   * A worker that stood still does not always learn from Kafka that another took over meanwhile: its link to the
   * database may fail first. If it then began again, it would fence the other. Its own last write may not be visible
   * yet: what was there when it opened is none of a later worker.
   */
  async #refuseAfterTakeover(): Promise<void> {
    const { worker, hasWritten, readUntil } = this.#tenure
    if (!hasWritten) return
    const writer = await lastWriter(this.#readCheckpointTopic({ last: LAST_WRITES }), readUntil)
    this.#throwIfClosed()
    if (writer === null || writer === worker) return
    throw new TributaryError('FENCED', `another worker has written to ${this.#options.checkpointTopic} since`)
  }

  /** Fences, and waits until the last transaction is over, in truth. */
  async #takeOver(): Promise<KafkaProducer> {
    const { checkpointTopic, clock, connector, delivery, log } = this.#options
    if (delivery === 'at-least-once') return this.#openProducer()
    const options = {
      checkpointTopic,
      transactionalId: transactionalIdOf(connector),
      tenure: this.#tenure,
      clock,
      signal: this.#closing.signal,
    }
    const mended = await this.#ask('taking over', cluster => endLastTransaction(cluster, options))
    if (mended > 0) log.warn({ partitions: mended }, 'a transaction that Kafka had left open is ended')
    return this.#openProducer()
  }

  /** Asks again while Kafka cannot answer: a coordinator that has just been started reads its log first. */
  async #ask<T>(what: string, question: (cluster: Cluster) => Promise<T>): Promise<T> {
    const { kafka, clock, log } = this.#options
    const signal = this.#closing.signal
    const end = clock.monotonic() + ASK_TIMEOUT_MS
    for (let attempt = 0; ; attempt++) {
      const client = new KafkaClient(kafka, log)
      try {
        const deadline = { clock, ms: end - clock.monotonic(), signal }
        return await beforeDeadline(question(client.cluster()), what, deadline)
      } catch (thrown) {
        const error = toKafkaError(thrown, what, 'KAFKA_UNREACHABLE')
        const waitMs = backoffMs(attempt, ASK_BACKOFF)
        if (error.code !== 'KAFKA_UNREACHABLE' || clock.monotonic() + waitMs > end) throw error
        await clock.sleep(waitMs, signal)
        this.#throwIfClosed()
      } finally {
        client.destroy()
      }
    }
  }

  /** Up to all that an earlier worker can have written, if it is fenced. An abort ends it early, without an error. */
  #readCheckpointTopic(from: From): AsyncIterable<readonly CommittedRecord[]> {
    const { checkpointTopic, kafka, clock, log } = this.#options
    return readCommitted({
      kafka,
      topics: [checkpointTopic],
      from,
      until: from === 'beginning' ? 'written' : 'end',
      signal: this.#closing.signal,
      clock,
      log,
    })
  }

  #throwIfClosed(): void {
    if (!this.#closing.signal.aborted) return
    throw new TributaryError('KAFKA_UNREACHABLE', 'the sink was closed while it opened')
  }

  #discard(): void {
    this.#producer?.destroy()
    this.#producer = null
  }
}
