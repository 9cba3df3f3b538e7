import { backoffMs } from '../../backoff.ts'
import type { Clock } from '../../clock.ts'
import { TributaryError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { OutRecord } from '../../types.ts'
import { type Admin, type ITopicConfig, KafkaClient, type KafkaSettings } from './client.ts'
import { isKafkaError, toKafkaError } from './errors.ts'
import { encodeRecordBatch } from './record-encoder.ts'

/** What a topic is made like. */
export interface TopicShape {
  readonly partitions: number
  /** Undefined: what the brokers have as theirs. */
  readonly replication?: number | undefined
  /** Its records have no keys. */
  readonly isKeyless?: boolean
  /** Whose rows it holds, for messages: `table public.orders, key id`. */
  readonly holds?: string
  /** Written several times a second and read whole at every start: kept short. */
  readonly isCheckpoint?: boolean
}

export interface TopicsOptions extends TopicShape {
  readonly kafka: KafkaSettings
  readonly clock: Clock
  readonly log: Logger
}

/** The settings of a topic that matter to us. */
export interface TopicConfig {
  readonly cleanupPolicy: string
  /** Records go with their age or number, not only when a later one has their key. */
  readonly forgets: boolean
  /** The largest batch it accepts, after compression. */
  readonly maxMessageBytes: number
}

const BROKER_DEFAULT = -1
const TOPIC_RESOURCE = 2
const CONFIG_NAMES = ['cleanup.policy', 'retention.ms', 'retention.bytes', 'max.message.bytes']
/** What brokers have when nobody may ask them. */
const DEFAULT_CONFIG: TopicConfig = { cleanupPolicy: 'compact', forgets: false, maxMessageBytes: 1_048_588 }
const LEADER_TIMEOUT_MS = 30_000
const UNHEARD_TIMEOUT_MS = 5_000
const LEADER_BACKOFF = { firstMs: 20, maxMs: 500 }

/** Makes and describes topics. Connects at the first need; never alters a topic that exists. */
export class KafkaTopics {
  readonly #options: TopicsOptions
  readonly #client: KafkaClient
  readonly #admin: Admin
  readonly #partitions = new Map<string, number>()
  readonly #configs = new Map<string, TopicConfig>()
  readonly #holds = new Map<string, string>()
  #connected: Promise<void> | null = null

  constructor(options: TopicsOptions) {
    this.#options = options
    this.#client = new KafkaClient(options.kafka, options.log)
    this.#admin = this.#client.admin()
  }

  /**
   * How many partitions the topic has; made before, when there is none of that name. Asks once per topic.
   * Throws KAFKA_TOPIC_UNSUITABLE (it cannot be made), KAFKA_REFUSED, KAFKA_UNREACHABLE.
   */
  async ensureTopic(topic: string, shape: Partial<TopicShape> = {}): Promise<number> {
    if (shape.holds !== undefined) this.#holds.set(topic, shape.holds)
    const known = this.#partitions.get(topic)
    if (known !== undefined) return known
    const count = await this.#ask(`topic ${topic}`, async () => {
      const existing = await this.#countPartitions(topic)
      if (existing !== undefined) return existing
      await this.#create(topic, { ...this.#options, ...shape })
      return this.#awaitLeaders(topic)
    })
    this.#partitions.set(topic, count)
    return count
  }

  /** Asks once per topic, unless `refresh`. Throws KAFKA_UNREACHABLE. */
  async configOf(topic: string, options?: { readonly refresh: boolean }): Promise<TopicConfig> {
    const known = this.#configs.get(topic)
    if (known !== undefined && !options?.refresh) return known
    const config = await this.#ask(`the settings of topic ${topic}`, () => this.#describe(topic))
    this.#configs.set(topic, config)
    return config
  }

  /** What `ensureTopic` was told of its rows last. */
  holdsOf(topic: string): string | undefined {
    return this.#holds.get(topic)
  }

  /** What `configOf` told last. */
  knownConfigOf(topic: string): TopicConfig | undefined {
    return this.#configs.get(topic)
  }

  close(): void {
    this.#client.destroy()
  }

  async #ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    try {
      this.#connected ??= this.#admin.connect()
      await this.#connected
      return await question()
    } catch (error) {
      this.#connected = null
      // What Kafka refuses for good has a name that is known; a controller that is overloaded or moves may say anything.
      throw toKafkaError(error, what, 'KAFKA_UNREACHABLE')
    }
  }

  async #countPartitions(topic: string): Promise<number | undefined> {
    try {
      const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]?.partitions.length
    } catch (error) {
      if (isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return undefined
      throw error
    }
  }

  async #create(topic: string, shape: TopicShape): Promise<void> {
    const isNew = await createTopic(this.#admin, topic, shape)
    if (isNew) this.#options.log.info({ topic, partitions: shape.partitions }, 'topic created')
  }

  /** Creating is done when the controller has noted it; the partitions' leaders hear of it later. */
  async #awaitLeaders(topic: string): Promise<number> {
    const { clock } = this.#options
    const began = clock.monotonic()
    for (let attempt = 0; clock.monotonic() - began < LEADER_TIMEOUT_MS; attempt++) {
      const count = await this.#countPartitions(topic).catch((error: unknown) => {
        if (isKafkaError(error, 'LEADER_NOT_AVAILABLE')) return undefined
        throw error
      })
      if (count !== undefined) return count
      await clock.sleep(backoffMs(attempt, LEADER_BACKOFF))
    }
    throw new TributaryError('KAFKA_UNREACHABLE', `topic ${topic} was created but has no leader yet`)
  }

  /** A broker that has not heard yet of a topic that was just made says that there is none. */
  async #describe(topic: string): Promise<TopicConfig> {
    const { clock, log } = this.#options
    const began = clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      try {
        return await describeTopic(this.#admin, topic)
      } catch (error) {
        if (toKafkaError(error, topic).code === 'KAFKA_REFUSED') {
          log.warn({ topic }, 'the settings of a topic may not be read; the defaults are assumed')
          return DEFAULT_CONFIG
        }
        const isNew = this.#partitions.has(topic) && isKafkaError(error, 'UNKNOWN_TOPIC_OR_PARTITION')
        if (!isNew || clock.monotonic() - began >= UNHEARD_TIMEOUT_MS) throw error
      }
      await clock.sleep(backoffMs(attempt, LEADER_BACKOFF))
    }
  }
}

/**
 * Kafka compacts what is in closed files of a log only, which are a gigabyte large, and keeps the markers of transactions
 * for a day more: a start would read the writes of a day, which takes a minute. So these are files and markers of minutes.
 */
const SHORT_LOG = { 'segment.bytes': String(4 << 20), 'delete.retention.ms': '300000' }

/** Resolves to whether there was none. Where the settings of a short log are not allowed, it becomes a usual one. */
export async function createTopic(
  admin: Pick<Admin, 'createTopics'>,
  topic: string,
  shape: TopicShape,
): Promise<boolean> {
  try {
    return await admin.createTopics({ topics: [topicToCreate(topic, shape)], waitForLeaders: false })
  } catch (error) {
    // Kafka as a service may take segments of 50 MB and more only.
    const isForbidden = isKafkaError(error, 'POLICY_VIOLATION') || isKafkaError(error, 'INVALID_CONFIG')
    if (!shape.isCheckpoint || !isForbidden) throw error
    return createTopic(admin, topic, { ...shape, isCheckpoint: false })
  }
}

/**
 * Kept for ever, so that a read model can be rebuilt from offset 0. A compacted topic takes no record without a
 * key (Kafka answers INVALID_RECORD), so a topic of keyless records keeps all of them.
 */
export function topicToCreate(topic: string, shape: TopicShape): ITopicConfig {
  const settings = shape.isKeyless
    ? { 'cleanup.policy': 'delete', 'retention.ms': '-1', 'retention.bytes': '-1' }
    : { 'cleanup.policy': 'compact', ...(shape.isCheckpoint ? SHORT_LOG : {}) }
  return {
    topic,
    numPartitions: shape.partitions,
    replicationFactor: shape.replication ?? BROKER_DEFAULT,
    configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
  }
}

export async function describeTopic(admin: Admin, topic: string): Promise<TopicConfig> {
  const { resources } = await admin.describeConfigs({
    resources: [{ type: TOPIC_RESOURCE, name: topic, configNames: CONFIG_NAMES }],
    includeSynonyms: false,
  })
  const entries = new Map(resources[0]?.configEntries.map(entry => [entry.configName, entry.configValue]))
  const cleanupPolicy = entries.get('cleanup.policy') ?? DEFAULT_CONFIG.cleanupPolicy
  const isLimited = entries.get('retention.ms') !== '-1' || entries.get('retention.bytes') !== '-1'
  return {
    cleanupPolicy,
    forgets: cleanupPolicy.includes('delete') && isLimited,
    maxMessageBytes: Number(entries.get('max.message.bytes') ?? DEFAULT_CONFIG.maxMessageBytes),
  }
}

const NOBODY = { id: 0n, epoch: 0, firstSequence: 0, transactional: true }

/** Throws RECORD_TOO_LARGE when the topic does not accept the record even compressed and alone. */
export async function refuseTooLarge(record: OutRecord, topics: KafkaTopics): Promise<void> {
  const { topic } = record
  const { length } = encodeRecordBatch([record], NOBODY)
  if (length <= (await topics.configOf(topic)).maxMessageBytes) return
  // Somebody may have raised it since.
  const { maxMessageBytes } = await topics.configOf(topic, { refresh: true })
  if (length <= maxMessageBytes) return
  const row = topics.holdsOf(topic)
  const message = `a record for ${topic}${row ? ` (${row})` : ''} takes ${length} bytes, the topic's max.message.bytes is ${maxMessageBytes}`
  throw new TributaryError('RECORD_TOO_LARGE', message)
}
