import { backoffMs } from '../../backoff.ts'
import type { Clock } from '../../clock.ts'
import { TributaryError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { KafkaClient, type KafkaSettings, type Producer, type RecordMetadata } from './client.ts'
import { askForCoordinator } from './coordinator.ts'
import { beforeDeadline, type Deadline } from './deadline.ts'
import { isKafkaError, toKafkaError } from './errors.ts'
import type { Request } from './requests.ts'

export interface ProducerOptions {
  readonly kafka: KafkaSettings
  /** Undefined: idempotent only. */
  readonly transactionalId: string | undefined
  readonly acknowledgements: Acknowledgements
  readonly clock: Clock
  readonly log: Logger
  /** Aborted when the sink closes. */
  readonly signal: AbortSignal
}

/**
 * The coordinator ends a transaction that is open for longer, and does it by fencing its producer. No write waits
 * as long, so a fenced producer was fenced by another worker, unless this process itself stood still.
 */
export const TRANSACTION_TIMEOUT_MS = 30_000
const OPEN_TIMEOUT_MS = 30_000
const TAKEOVER_ATTEMPTS = 6
const TAKEOVER_BACKOFF = { firstMs: 500, maxMs: 5_000 }
const ALL_REPLICAS = -1

type Send = (batch: Parameters<Producer['sendBatch']>[0]) => Promise<RecordMetadata[]>

/**
 * One producer of the client from its start to its first error; after that it must be destroyed. A producer of
 * this client that goes on after an error can report records as written that are not: it rolls back the sequence
 * numbers of all partitions of a request when one was refused.
 */
export class KafkaProducer {
  readonly #options: ProducerOptions
  readonly #client: KafkaClient
  readonly #producer: Producer

  private constructor(options: ProducerOptions) {
    this.#options = options
    this.#client = new KafkaClient(options.kafka, options.log)
    const id = options.transactionalId
    this.#producer = this.#client.producer(
      id === undefined ? undefined : { id, timeoutMs: TRANSACTION_TIMEOUT_MS },
    )
  }

  /**
   * Connects and, with a transactional id, fences every earlier producer of that id and waits until its last
   * transaction is over. Throws KAFKA_UNREACHABLE, KAFKA_REFUSED, FENCED.
   */
  static async open(options: ProducerOptions): Promise<KafkaProducer> {
    for (let attempt = 0; ; attempt++) {
      const producer = new KafkaProducer(options)
      try {
        await producer.#start()
        return producer
      } catch (thrown) {
        const error = await producer.#reasonOf(thrown)
        producer.destroy()
        // The transaction of the worker before is being ended; the client gives up after five tries.
        const isPassing = isKafkaError(error, 'CONCURRENT_TRANSACTIONS') && attempt < TAKEOVER_ATTEMPTS
        if (!isPassing || options.signal.aborted)
          throw toKafkaError(error, 'opening the producer', 'KAFKA_UNREACHABLE')
        await options.clock.sleep(backoffMs(attempt, TAKEOVER_BACKOFF), options.signal)
      }
    }
  }

  /** Connecting does not fence yet: the client asks for its producer id at the first transaction only. */
  async #start(): Promise<void> {
    const deadline = this.#deadline(OPEN_TIMEOUT_MS)
    await beforeDeadline(this.#producer.connect(), 'connecting', deadline)
    if (this.#options.transactionalId === undefined) return
    const transaction = await beforeDeadline(this.#producer.transaction(), 'taking over', deadline)
    await beforeDeadline(transaction.abort(), 'taking over', deadline)
  }

  /** The client does not tell why it finds no coordinator: it may be a missing right, or a Kafka that is away. */
  async #reasonOf(thrown: unknown): Promise<unknown> {
    const { transactionalId, signal } = this.#options
    const isHidden = thrown instanceof Error && thrown.name === 'KafkaJSGroupCoordinatorNotFound'
    if (!isHidden || transactionalId === undefined || signal.aborted) return thrown
    const asking = askForCoordinator(this.#client.cluster(), transactionalId)
    return beforeDeadline(asking, 'asking for the coordinator', this.#deadline(OPEN_TIMEOUT_MS)).then(
      () => thrown,
      (reason: unknown) => reason,
    )
  }

  /** All requests, one after the other, as one transaction. */
  async transact(requests: readonly Request[]): Promise<void> {
    const began = this.#options.clock.monotonic()
    try {
      await beforeDeadline(this.#transact(requests), 'a transaction', this.#deadline(TRANSACTION_TIMEOUT_MS))
    } catch (error) {
      throw this.#explain(toKafkaError(error, 'ending a transaction'), began)
    }
  }

  /** All requests, one after the other, each by itself. */
  async send(requests: readonly Request[]): Promise<void> {
    const work = this.#send(batch => this.#producer.sendBatch(batch), requests)
    await beforeDeadline(work, 'a write', this.#deadline(TRANSACTION_TIMEOUT_MS))
  }

  /** Ends the connections at once, whatever is under way. */
  destroy(): void {
    this.#client.destroy()
  }

  async #transact(requests: readonly Request[]): Promise<void> {
    const transaction = await this.#producer.transaction()
    await this.#send(batch => transaction.sendBatch(batch), requests)
    await transaction.commit()
  }

  async #send(send: Send, requests: readonly Request[]): Promise<void> {
    for (const request of requests) {
      const answers = await this.#sendOne(send, request)
      this.#options.acknowledgements.accept(request, answers)
    }
  }

  async #sendOne(send: Send, request: Request): Promise<RecordMetadata[]> {
    try {
      // Our records pass through the client as they are; only our own encoder looks at them.
      const topicMessages = request.topics as unknown as NonNullable<Parameters<Send>[0]['topicMessages']>
      return await send({ topicMessages, acks: ALL_REPLICAS })
    } catch (error) {
      const { largest, topics } = request
      const failed = toKafkaError(error, `writing to ${topics.map(({ topic }) => topic).join(', ')}`)
      if (failed.code !== 'RECORD_TOO_LARGE') throw failed
      const message = `${failed.message}; the largest record takes ${largest.bytes} bytes, for ${largest.topic}`
      throw new TributaryError('RECORD_TOO_LARGE', message, { cause: error })
    }
  }

  #deadline(ms: number): Deadline {
    return { clock: this.#options.clock, signal: this.#options.signal, ms }
  }

  /** A process that stood still comes back to a transaction that has timed out; nobody took over. */
  #explain(error: TributaryError, began: number): TributaryError {
    if (error.code !== 'FENCED') return error
    const openMs = Math.round(this.#options.clock.monotonic() - began)
    if (openMs >= TRANSACTION_TIMEOUT_MS) {
      const message = `a transaction stood open for ${openMs} ms and was ended by Kafka`
      return new TributaryError('KAFKA_WRITE_FAILED', message, { cause: error })
    }
    const message = `another worker has taken over the transactional id ${this.#options.transactionalId}`
    return new TributaryError('FENCED', message, { cause: error })
  }
}
