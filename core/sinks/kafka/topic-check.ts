import type { Finding } from '../../types.ts'
import type { Admin } from './client.ts'
import { toKafkaError } from './errors.ts'
import { NO_SUCH_TOPIC, type Right, type TopicMetadata } from './metadata.ts'
import { describeTopic, type TopicConfig, topicToCreate } from './topics.ts'

interface TopicCheckOptions {
  readonly kafka: {
    readonly brokers: readonly string[]
    readonly sasl?: { username?: string | undefined } | undefined
  }
  readonly checkpointTopic: string
  readonly partitions: number
  readonly replication?: number | undefined
}

const NOT_ALLOWED = 29
/** Below this a row of ordinary size can be refused. */
const SMALL_MESSAGE_BYTES = 1_000_000

/** One topic: that it can be made, or that it is as it would have been made. */
export async function checkTopic(
  admin: Admin,
  metadata: TopicMetadata,
  options: TopicCheckOptions,
): Promise<Finding[]> {
  const { topic, errorCode } = metadata
  const subject = `topic ${topic}`
  if (errorCode === NO_SUCH_TOPIC) return [await checkCreation(admin, topic, options)]
  if (errorCode === NOT_ALLOWED) {
    const message = 'this user may not see it'
    return [
      { severity: 'failure', subject, message, fix: grant(topic, ['Describe', 'Write', 'Create'], options) },
    ]
  }
  if (errorCode !== 0) {
    return [{ severity: 'failure', subject, message: `the broker answers error ${errorCode} about it` }]
  }
  const findings = [
    ...rightFindings(metadata, options),
    ...partitionFindings(metadata, options),
    ...(await configFindings(admin, metadata, options)),
  ]
  if (findings.length > 0) return findings
  return [{ severity: 'ok', subject, message: `exists with ${metadata.partitions} partitions` }]
}

/** Lets the broker go through all of it but the making: rights, replicas, policies. */
async function checkCreation(admin: Admin, topic: string, options: TopicCheckOptions): Promise<Finding> {
  const subject = `topic ${topic}`
  const partitions = topic === options.checkpointTopic ? 1 : options.partitions
  try {
    const shape = { partitions, replication: options.replication }
    await admin.createTopics({
      topics: [topicToCreate(topic, shape)],
      validateOnly: true,
      waitForLeaders: false,
    })
    return { severity: 'ok', subject, message: 'does not exist; will be created' }
  } catch (error) {
    const { code, message } = toKafkaError(error, 'it cannot be created', 'KAFKA_TOPIC_UNSUITABLE')
    const isRefused = code === 'KAFKA_REFUSED'
    const fix = isRefused
      ? grant(topic, ['Create', 'Describe', 'Write'], options)
      : create(topic, partitions, options)
    return { severity: 'failure', subject, message, fix }
  }
}

function rightFindings({ topic, rights }: TopicMetadata, options: TopicCheckOptions): Finding[] {
  if (rights === undefined) return []
  const needed: Right[] = topic === options.checkpointTopic ? ['Write', 'Read'] : ['Write']
  const missing = needed.filter(right => !rights.has(right))
  if (missing.length === 0) return []
  const message = `this user lacks the right ${missing.join(' and ')}`
  return [{ severity: 'failure', subject: `topic ${topic}`, message, fix: grant(topic, missing, options) }]
}

function partitionFindings({ topic, partitions }: TopicMetadata, options: TopicCheckOptions): Finding[] {
  const subject = `topic ${topic}`
  if (topic === options.checkpointTopic) {
    if (partitions === 1) return []
    const message = `has ${partitions} partitions, must have 1`
    return [
      { severity: 'failure', subject, message, fix: tool('topics', options, `--delete --topic ${topic}`) },
    ]
  }
  if (partitions >= options.partitions) return []
  const message =
    `has ${partitions} partitions, ${options.partitions} are set; it is used as it is. Partitions that are added ` +
    'take over keys from others, so the order of what is there already is lost'
  const fix = tool('topics', options, `--alter --topic ${topic} --partitions ${options.partitions}`)
  return [{ severity: 'warning', subject, message, fix }]
}

async function configFindings(
  admin: Admin,
  { topic }: TopicMetadata,
  options: TopicCheckOptions,
): Promise<Finding[]> {
  const subject = `topic ${topic}`
  try {
    return judgeConfig(topic, await describeTopic(admin, topic), options)
  } catch (error) {
    const { message } = toKafkaError(error, 'its settings cannot be read', 'KAFKA_UNREACHABLE')
    return [{ severity: 'warning', subject, message, fix: grant(topic, ['DescribeConfigs'], options) }]
  }
}

function judgeConfig(topic: string, config: TopicConfig, options: TopicCheckOptions): Finding[] {
  const subject = `topic ${topic}`
  const findings: Finding[] = []
  const has = `has cleanup.policy=${config.cleanupPolicy}`
  const compact = alterConfig(topic, 'cleanup.policy=compact', options)
  if (topic === options.checkpointTopic && config.cleanupPolicy !== 'compact') {
    const message = `${has}: where to go on would be forgotten one day`
    findings.push({ severity: 'failure', subject, message, fix: compact })
  } else if (config.forgets) {
    const message = `${has}: what is older than its retention cannot be rebuilt from it`
    findings.push({ severity: 'warning', subject, message, fix: compact })
  }
  if (config.maxMessageBytes < SMALL_MESSAGE_BYTES) {
    const message = `takes records of at most ${config.maxMessageBytes} bytes; a larger row stops the connector`
    const fix = alterConfig(topic, 'max.message.bytes=1048588', options)
    findings.push({ severity: 'warning', subject, message, fix })
  }
  return findings
}

function alterConfig(topic: string, setting: string, options: TopicCheckOptions): string {
  return tool(
    'configs',
    options,
    `--alter --entity-type topics --entity-name ${topic} --add-config ${setting}`,
  )
}

function create(topic: string, partitions: number, options: TopicCheckOptions): string {
  const factor = options.replication === undefined ? '' : ` --replication-factor ${options.replication}`
  const shape = `--partitions ${partitions}${factor} --config cleanup.policy=compact`
  return tool('topics', options, `--create --topic ${topic} ${shape}`)
}

function grant(topic: string, rights: readonly Right[], options: TopicCheckOptions): string {
  const operations = rights.map(right => `--operation ${right}`).join(' ')
  const principal = `User:${options.kafka.sasl?.username ?? 'USER'}`
  return tool('acls', options, `--add --allow-principal ${principal} ${operations} --topic ${topic}`)
}

function tool(name: string, { kafka }: TopicCheckOptions, rest: string): string {
  return `kafka-${name}.sh --bootstrap-server ${kafka.brokers.join(',')} ${rest}`
}
