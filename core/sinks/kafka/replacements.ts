import type { OutRecord } from '../../types.ts'
import { encodeRecordBatch } from './record-encoder.ts'
import { wireInt32, wireText } from './wire.ts'

// What stands in for three inner parts of the Kafka client, see client.ts. The first two only for our own
// records: a message without `timestampMs` takes the client's own way, for whoever else uses it in this process.

/** The client's request object: how it is told apart and how its body becomes bytes. */
export interface ProtocolRequest {
  readonly apiKey: number
  readonly apiVersion: number
  readonly apiName: string
  readonly expectResponse?: () => boolean
  readonly encode: () => Promise<RequestBody>
}

/** What the client asks of a body: the bytes under two names, and how many they are. */
export interface RequestBody {
  readonly buf: Buffer
  readonly buffer: Buffer
  size(): number
}

interface GroupOptions {
  readonly topic: string
  readonly partitionMetadata: readonly unknown[]
  readonly messages: readonly OutRecord[]
  readonly partitioner: unknown
}

interface ProduceOptions {
  readonly acks: number
  readonly timeout: number
  readonly transactionalId?: string | null
  /** A whole number of 64 bits as text. */
  readonly producerId?: string
  readonly producerEpoch?: number
  readonly compression?: number
  readonly topicData: readonly {
    readonly topic: string
    readonly partitions: readonly PartitionData[]
  }[]
}

interface PartitionData {
  readonly partition: number
  readonly messages: readonly OutRecord[]
  readonly firstSequence?: number
}

type Grouping = Record<number, OutRecord[]>

/** One pass. The client's own copies each partition's array for each of its messages. */
export function createGrouping(original: (options: GroupOptions) => Grouping) {
  return (options: GroupOptions): Grouping => {
    const { messages } = options
    if (messages[0]?.timestampMs === undefined || options.partitionMetadata.length === 0)
      return original(options)
    const groups: Grouping = {}
    for (const message of messages) {
      const group = groups[message.partition]
      if (group === undefined) groups[message.partition] = [message]
      else group.push(message)
    }
    return groups
  }
}

/**
 * The produce request, version 3, with batches made by our own encoder; the client makes the later versions it
 * knows (to 7) of it by changing the number. The client's own allocates half a kilobyte for each record and
 * computes the checksum in JavaScript, together more than half of a worker's time.
 *
 *   transactional_id nullable string, acks int16, timeout int32, topics [ name string,
 *     partitions [ partition int32, records: size int32 and one record batch ] ]; string lengths int16, arrays int32
 */
export function createProduceRequest(original: (options: ProduceOptions) => ProtocolRequest) {
  return (options: ProduceOptions): ProtocolRequest => {
    if (options.topicData[0]?.partitions[0]?.messages[0]?.timestampMs === undefined) return original(options)
    return {
      apiKey: 0,
      apiVersion: 3,
      apiName: 'Produce',
      expectResponse: () => options.acks !== 0,
      encode: async () => asBody(encodeProduce(options)),
    }
  }
}

function encodeProduce(options: ProduceOptions): Buffer {
  const { transactionalId = null, producerId = '-1', producerEpoch = -1 } = options
  const settings = Buffer.alloc(6)
  settings.writeInt16BE(options.acks, 0)
  settings.writeInt32BE(options.timeout, 2)
  const parts = [wireText(transactionalId), settings, wireInt32(options.topicData.length)]
  for (const { topic, partitions } of options.topicData) {
    parts.push(wireText(topic), wireInt32(partitions.length))
    for (const { partition, messages, firstSequence = -1 } of partitions) {
      const batch = encodeRecordBatch(messages, {
        id: BigInt(producerId),
        epoch: producerEpoch,
        firstSequence,
        transactional: transactionalId !== null,
      })
      parts.push(wireInt32(partition), wireInt32(batch.length), batch)
    }
  }
  return Buffer.concat(parts)
}

export function asBody(bytes: Buffer): RequestBody {
  return { buf: bytes, buffer: bytes, size: () => bytes.length }
}

/** As much of the client's request queue as its timer needs. */
interface RequestQueue {
  readonly pending: readonly unknown[]
  readonly throttledUntil: number
}

/**
 * The client's queue looks for waiting requests every millisecond for ever, with a negative delay that Node warns
 * about. Nothing need be looked for when nothing waits.
 */
export function createQueueTimer(original: (this: RequestQueue) => void) {
  return function scheduleCheckPendingRequests(this: RequestQueue): void {
    if (this.pending.length > 0) original.call(this)
  }
}

/** What a connection of the client knows of its login. */
export interface LoggedIn {
  /** As `process.hrtime()` told it; null before the first. */
  readonly authenticatedAt: [seconds: number, nanoseconds: number] | null
}

const LOGIN_REST_MS = 1_500

/**
 * The client renews a login ten seconds before its end, and one that counts for less at every request. A broker takes
 * no second renewal within a second, and answers it with ILLEGAL_SASL_STATE.
 */
export function createLoginCheck(original: (this: LoggedIn) => boolean): (this: LoggedIn) => boolean {
  return function isAuthenticated() {
    if (original.call(this) || this.authenticatedAt === null) return original.call(this)
    const [seconds, nanoseconds] = process.hrtime(this.authenticatedAt)
    return seconds * 1000 + nanoseconds / 1_000_000 < LOGIN_REST_MS
  }
}

/** Which coordinator is asked for. */
interface CoordinatorQuestion {
  readonly groupId: string
  readonly coordinatorType: number
}

type FindCoordinator = (this: object, question: CoordinatorQuestion) => Promise<unknown>

/** Short beside the time for which the client tries again to reach a coordinator that has moved. */
const COORDINATOR_KNOWN_MS = 1_000

/**
 * The client asks who coordinates before each step of a transaction: two of five round trips of every write. An answer
 * counts for a second, for the cluster object that got it; a failure is not remembered.
 */
export function createCoordinatorLookup(original: FindCoordinator): FindCoordinator {
  const answers = new WeakMap<object, Map<string, { readonly until: number; readonly answer: unknown }>>()
  return async function findGroupCoordinatorMetadata(question) {
    const known = answers.get(this) ?? new Map()
    answers.set(this, known)
    const id = `${question.coordinatorType} ${question.groupId}`
    const last = known.get(id)
    if (last && performance.now() < last.until) return last.answer
    const answer = await original.call(this, question)
    known.set(id, { until: performance.now() + COORDINATOR_KNOWN_MS, answer })
    return answer
  }
}
