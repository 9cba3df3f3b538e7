import type { OutRecord } from '../../types.ts'
import { maxRecordBytes } from './record-encoder.ts'

/** Records of one topic in one request, in their order; their partitions are apart only in the log. */
export interface TopicRecords {
  readonly topic: string
  readonly messages: OutRecord[]
  /** Records by partition; partitions without any are holes. */
  readonly counts: number[]
}

/** What goes to Kafka in one produce request. */
export interface Request {
  readonly topics: readonly TopicRecords[]
  readonly largest: { readonly topic: string; readonly bytes: number }
}

export interface RequestLimits {
  /** Bytes before compression that one partition takes in one request: they become one batch. */
  readonly partitionBytes: number
  /** Bytes before compression of one request, which is made without giving way to anything else. */
  readonly requestBytes: number
  readonly requestRecords: number
}

export const DEFAULT_REQUEST_LIMITS: RequestLimits = {
  partitionBytes: 900_000,
  // What a pipeline writes at a time under load, with the batch that filled it and the checkpoint: one request.
  requestBytes: 6_000_000,
  requestRecords: 12_000,
}

interface OpenTopic extends TopicRecords {
  readonly bytes: number[]
  readonly maxBatchBytes: number
}

/** Records cut into requests. */
export interface Cut {
  readonly requests: readonly Request[]
  /** Records that alone are larger than what their topic accepts, unless compression saves them. */
  readonly oversized: readonly OutRecord[]
}

/**
 * Cuts records into requests, in order: when one partition is full the whole request is, so that what comes later
 * in the list never comes earlier in the log. A record larger than a limit is alone in its batch.
 */
export class RequestSplitter {
  readonly #limits: RequestLimits
  readonly #maxBatchBytes: (topic: string) => number
  #requests: Request[] = []
  #oversized: OutRecord[] = []
  #topics = new Map<string, OpenTopic>()
  /** The topic of the last record: most have the same as the one before. */
  #last: OpenTopic | undefined
  #bytes = 0
  #records = 0
  #largest = { topic: '', bytes: 0 }

  /** `maxBatchBytes`: what the topic accepts as one batch. */
  constructor(maxBatchBytes: (topic: string) => number, limits: RequestLimits = DEFAULT_REQUEST_LIMITS) {
    this.#maxBatchBytes = maxBatchBytes
    this.#limits = limits
  }

  add(record: OutRecord): void {
    const bytes = maxRecordBytes(record)
    if (this.#isFull(record, bytes)) this.#closeRequest()
    const topic = this.#topicOf(record)
    topic.messages.push(record)
    topic.bytes[record.partition] = (topic.bytes[record.partition] ?? 0) + bytes
    topic.counts[record.partition] = (topic.counts[record.partition] ?? 0) + 1
    this.#bytes += bytes
    this.#records++
    if (bytes > topic.maxBatchBytes) this.#oversized.push(record)
    if (bytes > this.#largest.bytes) this.#largest = { topic: record.topic, bytes }
  }

  /** All that was added since the last call. */
  take(): Cut {
    if (this.#records > 0) this.#closeRequest()
    const cut = { requests: this.#requests, oversized: this.#oversized }
    this.#requests = []
    this.#oversized = []
    return cut
  }

  #isFull({ topic, partition }: OutRecord, bytes: number): boolean {
    if (this.#records === 0) return false
    const { partitionBytes, requestBytes, requestRecords } = this.#limits
    if (this.#records >= requestRecords || this.#bytes + bytes > requestBytes) return true
    const open = this.#last?.topic === topic ? this.#last : this.#topics.get(topic)
    const inPartition = open?.bytes[partition] ?? 0
    return inPartition > 0 && inPartition + bytes > Math.min(partitionBytes, open!.maxBatchBytes)
  }

  #topicOf({ topic }: OutRecord): OpenTopic {
    if (this.#last?.topic === topic) return this.#last
    let open = this.#topics.get(topic)
    if (open === undefined) {
      open = { topic, messages: [], counts: [], bytes: [], maxBatchBytes: this.#maxBatchBytes(topic) }
      this.#topics.set(topic, open)
    }
    this.#last = open
    return open
  }

  #closeRequest(): void {
    this.#requests.push({ topics: [...this.#topics.values()], largest: this.#largest })
    this.#topics = new Map()
    this.#last = undefined
    this.#bytes = 0
    this.#records = 0
    this.#largest = { topic: '', bytes: 0 }
  }
}
