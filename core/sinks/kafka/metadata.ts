import type { Broker } from './client.ts'
import { asBody } from './replacements.ts'
import { WireReader, wireInt32, wireText } from './wire.ts'

/** What this user may do, by the operation's number in Kafka's AclOperation. */
export const RIGHTS = {
  Read: 3,
  Write: 4,
  Create: 5,
  Describe: 8,
  DescribeConfigs: 10,
  IdempotentWrite: 12,
} as const
export type Right = keyof typeof RIGHTS

export interface TopicMetadata {
  readonly topic: string
  /** Kafka's error number; 0 is none, 3 no such topic, 29 not allowed to see it. */
  readonly errorCode: number
  readonly partitions: number
  /** Undefined when the broker does not tell. */
  readonly rights: ReadonlySet<Right> | undefined
}

export interface ClusterMetadata {
  readonly brokers: number
  readonly topics: readonly TopicMetadata[]
  readonly rights: ReadonlySet<Right> | undefined
}

export const NO_SUCH_TOPIC = 3
const NOT_TOLD = -0x80000000

/**
 * Topics as they are and what this user may do with them, changing nothing. The client's own request (version 6)
 * cannot ask for rights, and gives one topic's error for all.
 */
export async function fetchMetadata(
  broker: Broker,
  topics: readonly string[] | 'all',
): Promise<ClusterMetadata> {
  return broker.connectionPool.send({
    request: {
      apiKey: 3,
      apiVersion: 8,
      apiName: 'Metadata',
      encode: async () => asBody(encodeMetadataRequest(topics)),
    },
    response: { decode: async payload => payload, parse: async payload => readMetadataResponse(payload) },
  })
}

/**
 * The metadata request, version 8 (https://kafka.apache.org/protocol#The_Messages_Metadata): topics [ name string ],
 * allow_auto_creation, include_cluster_rights and include_topic_rights boolean. -1 in place of a list asks for all.
 */
function encodeMetadataRequest(topics: readonly string[] | 'all'): Buffer {
  if (topics === 'all') return Buffer.concat([wireInt32(-1), Buffer.from([0, 1, 1])])
  return Buffer.concat([wireInt32(topics.length), ...topics.map(wireText), Buffer.from([0, 1, 1])])
}

/**
 * Its response: throttle int32, brokers [ id int32, host string, port int32, rack string ], cluster string,
 * controller int32, topics [ error int16, name string, is_internal boolean, partitions [ error int16, partition
 * int32, leader int32, leader_epoch int32, replicas, in_sync and offline [ int32 ] ], rights int32 ], rights int32
 */
export function readMetadataResponse(payload: Buffer): ClusterMetadata {
  const reader = new WireReader(payload)
  reader.int32()
  const brokers = reader.array(skipBroker).length
  reader.text()
  reader.int32()
  const topics = reader.array(readTopic)
  return { brokers, topics, rights: readRights(reader) }
}

function skipBroker(reader: WireReader): void {
  reader.int32()
  reader.text()
  reader.int32()
  reader.text()
}

function readTopic(reader: WireReader): TopicMetadata {
  const errorCode = reader.int16()
  const topic = reader.text()
  reader.boolean()
  const partitions = reader.array(skipPartition).length
  return { topic, errorCode, partitions, rights: readRights(reader) }
}

function skipPartition(reader: WireReader): void {
  reader.int16()
  for (let field = 0; field < 3; field++) reader.int32()
  for (let list = 0; list < 3; list++) reader.array(() => reader.int32())
}

function readRights(reader: WireReader): ReadonlySet<Right> | undefined {
  const bits = reader.int32()
  if (bits === NOT_TOLD) return undefined
  const names = Object.keys(RIGHTS) as Right[]
  return new Set(names.filter(name => (bits & (1 << RIGHTS[name])) !== 0))
}
