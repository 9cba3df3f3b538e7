import { type SourceSettings, sourceSchemas } from '../../connectors/index.ts'
import { loadConfig } from '../../core/config/load.ts'
import { type KafkaSettings, kafkaSettings, type RegistrySettings } from '../../core/config/settings.ts'
import type { From } from '../../core/sinks/kafka/reader.ts'
import { type Invocation, usageError } from '../usage.ts'

export interface ConsumeOptions {
  readonly topics: readonly string[]
  readonly from: From
  readonly until: 'end' | 'never'
  readonly key: string | undefined
  readonly json: boolean
  readonly kafka: KafkaSettings
  readonly registry: RegistrySettings | undefined
}

/** @throws TributaryError CONFIG_INVALID */
export function consumeOptions(
  { operands, flags }: Invocation,
  environment: NodeJS.ProcessEnv,
): ConsumeOptions {
  const { from, until, key, config, brokers, registry } = flags as Record<string, string | undefined>
  if (until !== undefined && until !== 'end') throw usageError('--until knows "end" only')
  const servers =
    config === undefined
      ? namedServers(
          brokers ?? environment.TRIBUTARY_BROKERS,
          registry ?? (environment.TRIBUTARY_REGISTRY || undefined),
        )
      : configuredServers(config, environment)
  return {
    topics: operands,
    from: parseFrom(from ?? 'beginning'),
    until: until ?? 'never',
    key,
    json: flags.json === true,
    ...servers,
  }
}

export function parseFrom(text: string): From {
  if (text === 'beginning' || text === 'end') return text
  if (/^\d{1,15}$/.test(text)) return { offset: Number(text) }
  const timeMs = Date.parse(text)
  if (/^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(timeMs)) return { timeMs }
  throw usageError(`--from takes beginning, end, an offset or an ISO 8601 time, not "${text}"`)
}

type Servers = Pick<ConsumeOptions, 'kafka' | 'registry'>

function namedServers(brokers: string | undefined, registry: string | undefined): Servers {
  const kafka = kafkaSettings.safeParse({ brokers: brokers?.split(',') })
  if (!kafka.success)
    throw usageError('name the servers: --config DIR, or --brokers HOST:PORT,... --registry URL')
  return { kafka: kafka.data, registry: registry === undefined ? undefined : { url: registry } }
}

function configuredServers(path: string, environment: NodeJS.ProcessEnv): Servers {
  const options = { sources: sourceSchemas, environment, needsKafka: true }
  const [first] = loadConfig<SourceSettings>(path, options).connectors
  return { kafka: first?.kafka as KafkaSettings, registry: first?.registry }
}
