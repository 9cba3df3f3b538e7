import type { Clock } from '../../clock.ts'
import { asTributaryError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { isLoopback } from '../../net/tls.ts'
import type { Finding } from '../../types.ts'
import { type Broker, type Cluster, KafkaClient, type KafkaSettings } from './client.ts'
import { askForCoordinator } from './coordinator.ts'
import { beforeDeadline } from './deadline.ts'
import { isClosedWithoutWord, isKafkaError, toKafkaError } from './errors.ts'
import { type ClusterMetadata, fetchMetadata, NO_SUCH_TOPIC } from './metadata.ts'
import { transactionalIdOf } from './sink.ts'
import { checkTopic } from './topic-check.ts'

export interface KafkaCheckOptions {
  readonly kafka: KafkaSettings
  readonly connector: string
  /** The connector's topics begin with it and a dot. */
  readonly topicPrefix: string
  readonly checkpointTopic: string
  readonly partitions: number
  readonly replication?: number | undefined
  readonly delivery: 'exactly-once' | 'at-least-once'
  readonly clock: Clock
  readonly log: Logger
  /** Ends the asking before its time. */
  readonly signal: AbortSignal
}

const DEADLINE_MS = 20_000
const CLOSED =
  'See `kafka.tls` and `kafka.sasl`: a broker that wants TLS or a login ends connections without a word.'

/** What Kafka must have and allow for this connector. Changes nothing; never rejects. */
export async function checkKafka(options: KafkaCheckOptions): Promise<Finding[]> {
  const client = new KafkaClient(options.kafka, options.log)
  const deadline = { clock: options.clock, ms: DEADLINE_MS, signal: options.signal }
  try {
    return await beforeDeadline(
      findAll(client, options),
      `asking ${options.kafka.brokers.join(', ')}`,
      deadline,
    )
  } catch (error) {
    const { code, message, hint } = asTributaryError(toKafkaError(error, 'kafka', 'KAFKA_UNREACHABLE'))
    const isAbsent = code === 'KAFKA_UNREACHABLE' && !isKafkaError(error, 'ILLEGAL_SASL_STATE')
    const fix = isClosedWithoutWord(error) ? CLOSED : hint
    return [{ severity: 'failure', subject: 'kafka', message, fix, isAbsent }]
  } finally {
    client.destroy()
  }
}

async function findAll(client: KafkaClient, options: KafkaCheckOptions): Promise<Finding[]> {
  const admin = client.admin()
  const cluster = client.cluster()
  await Promise.all([admin.connect(), cluster.connect()])
  await cluster.refreshMetadata()
  const broker = await cluster.findBroker({ nodeId: cluster.getNodeIds()[0] ?? '0' })
  const metadata = await fetchMetadata(broker, await connectorTopics(broker, options))
  const findings = [
    reached(metadata, options),
    ...exposureFindings(options.kafka),
    ...replicationFindings(metadata, options),
  ]
  if (options.delivery === 'exactly-once') findings.push(await transactionalIdFinding(cluster, options))
  for (const topic of metadata.topics) findings.push(...(await checkTopic(admin, topic, options)))
  const hasUntold = metadata.topics.some(({ errorCode, rights }) => errorCode === NO_SUCH_TOPIC || !rights)
  if (hasUntold) findings.push(notChecked())
  return findings
}

/** The checkpoint topic, also before it exists, and the change topics that do. */
async function connectorTopics(broker: Broker, options: KafkaCheckOptions): Promise<string[]> {
  const { checkpointTopic, topicPrefix } = options
  const { topics } = await fetchMetadata(broker, 'all')
  const existing = topics.map(({ topic }) => topic).filter(topic => topic.startsWith(`${topicPrefix}.`))
  return [checkpointTopic, ...existing.filter(topic => topic !== checkpointTopic)]
}

function reached({ brokers }: ClusterMetadata, { kafka }: KafkaCheckOptions): Finding {
  const message = `reached through ${kafka.brokers.join(', ')}; brokers: ${brokers}`
  return { severity: 'ok', subject: 'kafka', message }
}

/** A login that shows its secret, on a link that others can listen to. With SCRAM it is not sent. */
export function exposureFindings({ brokers, sasl, tls }: KafkaSettings): Finding[] {
  const isShown = sasl?.mechanism === 'plain' || sasl?.mechanism === 'oauthbearer'
  const open = brokers.filter(broker => !isLoopback(broker.replace(/:\d+$/, '')))
  if (!isShown || tls || open.length === 0) return []
  const message = `the ${sasl.mechanism} login goes to ${open.join(', ')} unencrypted`
  const fix = 'kafka: { tls: true }  -- and the port of a listener with SASL_SSL'
  return [{ severity: 'warning', subject: 'kafka.sasl', message, fix }]
}

function replicationFindings({ brokers }: ClusterMetadata, { replication }: KafkaCheckOptions): Finding[] {
  const subject = 'topics.replication'
  if (replication === undefined) return []
  if (replication > brokers) {
    const message = `${replication} replicas are wanted of ${brokers} brokers`
    return [{ severity: 'failure', subject, message, fix: `topics: { replication: ${brokers} }` }]
  }
  if (replication === 1 && brokers > 1) {
    const message = 'each topic would be on one broker only, and be lost with it'
    return [
      { severity: 'warning', subject, message, fix: `topics: { replication: ${Math.min(3, brokers)} }` },
    ]
  }
  return [{ severity: 'ok', subject, message: `${replication} of ${brokers} brokers` }]
}

async function transactionalIdFinding(cluster: Cluster, options: KafkaCheckOptions): Promise<Finding> {
  const id = transactionalIdOf(options.connector)
  const subject = `transactional id ${id}`
  try {
    await askForCoordinator(cluster, id)
    return { severity: 'ok', subject, message: 'may be described; the right to write is not asked for' }
  } catch (error) {
    const { code, message } = toKafkaError(error, subject, 'KAFKA_UNREACHABLE')
    const isRefused = code === 'KAFKA_REFUSED'
    const user = options.kafka.sasl?.username ?? 'USER'
    const fix =
      `kafka-acls.sh --bootstrap-server ${options.kafka.brokers.join(',')} --add --allow-principal User:${user} ` +
      `--operation Describe --operation Write --transactional-id ${id}`
    return isRefused
      ? { severity: 'failure', subject, message, fix }
      : { severity: 'warning', subject, message }
  }
}

function notChecked(): Finding {
  const message = 'the right to write to topics that do not exist yet cannot be asked for without making them'
  return { severity: 'ok', subject: 'rights', message }
}
