import { createRequire } from 'node:module'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Admin, ISocketFactoryArgs, Kafka, KafkaConfig, Mechanism, Producer } from 'kafkajs'
import type { Logger } from '../../log.ts'
import {
  createCoordinatorLookup,
  createGrouping,
  createLoginCheck,
  createProduceRequest,
  createQueueTimer,
  type ProtocolRequest,
} from './replacements.ts'
import {
  hostOf,
  refuseAlerts,
  type SaslSettings,
  seedOf,
  type TlsSettings,
  tlsOptions,
  tokenLogin,
} from './security.ts'

// The only import of the Kafka client, kafkajs. Its version is pinned exactly, since we stand on inner parts of
// it; a test says which, and fails when one has moved.

export type { Admin, ITopicConfig, Producer, RecordMetadata } from 'kafkajs'

export interface KafkaSettings {
  /** `HOST:PORT` of some brokers; the others are found through them. */
  readonly brokers: readonly string[]
  /** True: TLS with the authorities that Node trusts. Texts are PEM. */
  readonly tls?: boolean | TlsSettings | undefined
  readonly sasl?: SaslSettings | undefined
}

/** The client's own view of the cluster: which brokers there are and who leads what. */
export interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  /** Rejects with UNKNOWN_TOPIC_OR_PARTITION when one does not exist. */
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>
  /** Of the target topics; of all topics when there are none. */
  refreshMetadata(): Promise<void>
  findTopicPartitionMetadata(topic: string): readonly { partitionId: number; leader: number }[]
  getNodeIds(): readonly string[]
  findBroker(node: { nodeId: string }): Promise<Broker>
}

export interface Broker {
  readonly connectionPool: { send<T>(exchange: Exchange<T>): Promise<T> }
  disconnect(): Promise<void>
  /** The versions it takes of each request, by the request's number. */
  readonly versions: Readonly<Record<number, unknown>> | null
  findGroupCoordinator(request: {
    groupId: string
    coordinatorType: number
  }): Promise<{ coordinator: { nodeId: number } }>
  initProducerId(request: { transactionalId: string; transactionTimeout: number }): Promise<ProducerIdentity>
  addPartitionsToTxn(request: OwnTransaction & { topics: readonly TopicPartitions[] }): Promise<unknown>
  endTxn(request: OwnTransaction & { transactionResult: boolean }): Promise<unknown>
  listOffsets(request: {
    isolationLevel: number
    topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[]
  }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string }[] }[]
  }>
}

export interface ProducerIdentity {
  readonly producerId: string
  readonly producerEpoch: number
}

export interface OwnTransaction extends ProducerIdentity {
  readonly transactionalId: string
}

export interface TopicPartitions {
  readonly topic: string
  readonly partitions: readonly number[]
}

/** One request and how to read its response. */
export interface Exchange<T> {
  readonly request: ProtocolRequest
  readonly response: {
    decode(payload: Buffer): Promise<Buffer>
    parse(payload: Buffer): Promise<T>
  }
  /** Milliseconds; the client's own when that is longer. */
  readonly requestTimeout?: number
}

export interface FetchRequest {
  readonly isolationLevel: number
  readonly maxWaitTime: number
  readonly minBytes: number
  readonly maxBytes: number
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly { partition: number; fetchOffset: number; maxBytes: number }[]
  }[]
}

const REQUEST_TIMEOUT_MS = 10_000
const CONNECTION_TIMEOUT_MS = 3_000
const KEEP_ALIVE_MS = 60_000
const FETCH_VERSION = 11

const requirePart = createRequire(import.meta.url)
replaceParts()
const { Kafka: KafkaClass, logLevel } = requirePart('kafkajs') as typeof import('kafkajs')
const ClusterClass = requirePart('kafkajs/src/cluster') as new (options: object) => Cluster
const fetchRequests = requirePart('kafkajs/src/protocol/requests/fetch') as {
  protocol(options: { version: number }): (request: object) => { request: ProtocolRequest }
}

/** Our parts take the place of the client's in the module cache, before the client loads what uses them. */
function replaceParts(): void {
  replace('kafkajs/src/producer/groupMessagesPerPartition', createGrouping)
  replace('kafkajs/src/protocol/requests/produce/v3/request', createProduceRequest)
  const queue = requirePart('kafkajs/src/network/requestQueue').prototype
  queue.scheduleCheckPendingRequests = createQueueTimer(queue.scheduleCheckPendingRequests)
  const connection = requirePart('kafkajs/src/network/connection').prototype
  connection.isAuthenticated = createLoginCheck(connection.isAuthenticated)
  const cluster = requirePart('kafkajs/src/cluster').prototype
  cluster.findGroupCoordinatorMetadata = createCoordinatorLookup(cluster.findGroupCoordinatorMetadata)
}

function replace<T>(part: string, create: (original: T) => T): void {
  const original: T = requirePart(part)
  requirePart.cache[requirePart.resolve(part)]!.exports = create(original)
}

/** The fetch request, version 11 (Kafka 2.3 and later). */
export function fetchRequest(options: FetchRequest): ProtocolRequest {
  return fetchRequests.protocol({ version: FETCH_VERSION })({ ...options, rackId: '' }).request
}

/** Connections with one set of settings, which end together. */
export class KafkaClient {
  readonly #kafka: Kafka
  readonly #config: KafkaConfig
  readonly #sockets = new Set<Socket>()
  #isDestroyed = false

  constructor(settings: KafkaSettings, log: Logger) {
    this.#config = {
      clientId: 'tributary',
      brokers: settings.brokers.map(seedOf),
      ssl: tlsOptions(settings.tls),
      ...saslOptions(settings.sasl),
      requestTimeout: REQUEST_TIMEOUT_MS,
      connectionTimeout: CONNECTION_TIMEOUT_MS,
      retry: { initialRetryTime: 20, maxRetryTime: 1000, retries: 8 },
      socketFactory: args => this.#openSocket(args),
      logLevel: clientLogLevel(log),
      logCreator: () => entry => {
        const { timestamp: _timestamp, logger: _logger, message, ...facts } = entry.log
        log.debug({ ...plainFacts(facts), kafkajs: entry.namespace, clientLevel: entry.label }, message)
      },
    }
    this.#kafka = new KafkaClass(this.#config)
  }

  /** A producer for one request at a time; transactional with an id, else idempotent only. */
  producer(transactional?: { readonly id: string; readonly timeoutMs: number }): Producer {
    return this.#kafka.producer({
      idempotent: true,
      ...(transactional && {
        transactionalId: transactional.id,
        transactionTimeout: transactional.timeoutMs,
      }),
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      // The first request after a commit is often told CONCURRENT_TRANSACTIONS; the client's 300 ms would be felt.
      retry: { initialRetryTime: 2, maxRetryTime: 500, retries: 10 },
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition ?? 0,
    })
  }

  admin(): Admin {
    return this.#kafka.admin()
  }

  cluster(): Cluster {
    return new ClusterClass({
      ...this.#config,
      logger: this.#kafka.logger(),
      allowAutoTopicCreation: false,
      metadataMaxAge: 300_000,
    })
  }

  /**
   * Ends every connection at once; what is under way rejects, and nothing of it is sent any more. Disconnecting
   * as the client does it would wait for the answers, and its retries would connect again.
   */
  destroy(): void {
    this.#isDestroyed = true
    for (const socket of this.#sockets) socket.destroy(new Error('the client was closed'))
  }

  #openSocket({ host: seed, port, ssl, onConnect }: ISocketFactoryArgs): Socket {
    if (this.#isDestroyed) throw new Error('the client was closed')
    const host = hostOf(seed)
    const target = { host, port }
    const name = isIP(host) === 0 ? { servername: host } : {}
    const socket = ssl
      ? connectTls({ ...target, ...name, ...ssl }, onConnect)
      : connectTcp({ ...target, noDelay: true }, onConnect)
    if (!ssl) refuseAlerts(socket)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }
}

function saslOptions(sasl: SaslSettings | undefined): Pick<KafkaConfig, 'sasl'> {
  if (sasl === undefined) return {}
  if (sasl.mechanism === 'oauthbearer') return { sasl: tokenLogin(sasl) as Mechanism }
  const { mechanism, username = '', password = '' } = sasl
  // Spelt out, since the client's types know each mechanism apart.
  if (mechanism === 'plain') return { sasl: { mechanism, username, password } }
  if (mechanism === 'scram-sha-256') return { sasl: { mechanism, username, password } }
  return { sasl: { mechanism, username, password } }
}

/** What the client says is detail: what failed is told once, by the error that comes of it. */
function clientLogLevel(log: Logger): number {
  if (log.isLevelEnabled('trace')) return logLevel.DEBUG
  return log.isLevelEnabled('debug') ? logLevel.INFO : logLevel.NOTHING
}

/** Numbers, flags and short texts; never whole requests or responses, which hold rows. */
function plainFacts(facts: object): object {
  return Object.fromEntries(
    Object.entries(facts).filter(
      ([name, fact]) => name !== 'stack' && ['string', 'number', 'boolean'].includes(typeof fact),
    ),
  )
}
