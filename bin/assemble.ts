import { connectors, type SourceSettings } from '../connectors/index.ts'
import type { Clock } from '../core/clock.ts'
import type { ConnectorSettings } from '../core/config/load.ts'
import type { KafkaSettings } from '../core/config/settings.ts'
import type { Attempt } from '../core/connector-run.ts'
import type { Logger } from '../core/log.ts'
import { checkKafka } from '../core/sinks/kafka/check.ts'
import { hashKey } from '../core/sinks/kafka/partition.ts'
import { createKafkaSink } from '../core/sinks/kafka/sink.ts'
import type { Tenure } from '../core/sinks/kafka/tenure.ts'
import { KafkaTopics } from '../core/sinks/kafka/topics.ts'
import { createStdoutSink } from '../core/sinks/stdout.ts'
import type { Encoder, Finding, Source, Table } from '../core/types.ts'
import { VERSION } from '../core/version.ts'
import { createEncoder } from '../schemas/records.ts'
import { RegistryClient } from '../schemas/registry.ts'
import { checkRegistry } from '../schemas/registry-check.ts'

// The only place where a connector's parts are put together.

type Settings = ConnectorSettings<SourceSettings>

export interface Context {
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  /** The same for every attempt. */
  readonly tenure?: Tenure
}

const prefixOf = ({ name, topics }: Settings) => topics.prefix ?? name
const checkpointTopicOf = (settings: Settings) => `${prefixOf(settings)}.checkpoint`

export function createSource(settings: Settings, context: Context): Source {
  return connectors[settings.source.type].createSource(settings.source, context)
}

/** Source, encoder and sink of a connector that publishes to Kafka. */
export function kafkaAttempt(settings: Settings, context: Context): Attempt {
  const kafka = settings.kafka as KafkaSettings
  const source = createSource(settings, context)
  const topics = new KafkaTopics({ ...settings.topics, ...context, kafka })
  const sink = createKafkaSink({
    ...context,
    connector: settings.name,
    checkpointTopic: checkpointTopicOf(settings),
    kafka,
    delivery: settings.delivery,
    topics,
  })
  return {
    source,
    sink,
    encoder: kafkaEncoder(settings, context, topics),
    checkServers: signal => checkServers(settings, context, signal),
    close: async () => topics.close(),
  }
}

function kafkaEncoder(settings: Settings, context: Context, topics: KafkaTopics): Encoder {
  const { clock, log } = context
  const common = {
    ...encoderBasics(settings),
    ensureTopic: (topic: string, table: Table) =>
      topics.ensureTopic(topic, { isKeyless: table.key.length === 0, holds: describeRows(table) }),
    hashKey,
    now: clock.now,
  }
  if (settings.format === 'json' || !settings.registry) return createEncoder({ ...common, format: 'json' })
  const registry = new RegistryClient({
    ...settings.registry,
    clock,
    onWaiting: ({ code, message, hint }) =>
      log.warn({ code, error: message, hint }, 'connector waits for the registry'),
    onBack: () => log.info('the registry answers again'),
  })
  return createEncoder({ ...common, format: 'avro', registry })
}

/** For messages: names only, never values. */
function describeRows({ schema, name, columns, key }: Table): string {
  const names = key.map(index => columns[index]?.name).join(', ')
  return `table ${schema}.${name}, ${names === '' ? 'no key' : `key ${names}`}`
}

/** A connector that writes JSON lines, and needs no server but its database. */
export function stdoutAttempt(settings: Settings, context: Context, stateFile: string | undefined): Attempt {
  const source = createSource(settings, context)
  return {
    source,
    sink: createStdoutSink({ ...context, stateFile, output: process.stdout }),
    encoder: createEncoder({
      ...encoderBasics(settings),
      format: 'json',
      ensureTopic: async () => 1,
      hashKey: () => 0,
      now: context.clock.now,
    }),
    checkServers: async () => [],
    close: async () => undefined,
  }
}

const encoderBasics = (settings: Settings) => ({
  connector: connectors[settings.source.type].kind,
  name: settings.name,
  version: VERSION,
  prefix: prefixOf(settings),
  tombstones: settings.tombstones,
  transactions: settings.transactions,
})

/** What Kafka and the registry must have for this connector. Changes nothing. */
export async function checkServers(
  settings: Settings,
  context: Context,
  signal: AbortSignal,
): Promise<Finding[]> {
  const kafka = checkKafka({
    ...context,
    ...settings.topics,
    kafka: settings.kafka as KafkaSettings,
    connector: settings.name,
    topicPrefix: prefixOf(settings),
    checkpointTopic: checkpointTopicOf(settings),
    delivery: settings.delivery,
    signal,
  })
  const registry =
    settings.format === 'avro' && settings.registry ? checkRegistry(settings.registry, signal) : []
  return (await Promise.all([kafka, registry])).flat()
}
