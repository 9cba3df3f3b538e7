import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { TributaryError } from '../errors.ts'
import { type ConfigDocument, type Problem, problemLines, readDocument, validate } from './document.ts'
import type { Environment } from './interpolate.ts'
import {
  connectorShape,
  type KafkaSettings,
  type RegistrySettings,
  type WorkerSettings,
  workerSettings,
} from './settings.ts'

/** The settings of `source`, by its `type`: each connector brings its own. */
export type SourceSchemas = Readonly<Record<string, z.ZodObject>>

/** A connector file's settings beside `source`, with what `worker.yaml` adds. */
export type ConnectorSettings<SourceSettings> = z.output<z.ZodObject<typeof connectorShape>> & {
  readonly source: SourceSettings
  /** The file it was read from. */
  readonly file: string
}

export interface Config<SourceSettings> {
  readonly worker: WorkerSettings
  readonly connectors: readonly ConnectorSettings<SourceSettings>[]
}

export interface LoadOptions<SourceSettings> {
  readonly sources: SourceSchemas
  readonly environment: Environment
  /** Whether events go to Kafka; if not, neither brokers nor registry have to be named. */
  readonly needsKafka: boolean
  /** What a connector needs for itself alone on its database server, in words: `slot tributary_shop of db:5432`. */
  readonly claims?: (source: SourceSettings, name: string) => readonly string[]
}

const WORKER_FILE = /^worker\.ya?ml$/

/**
 * Reads a folder with one YAML file per database and an optional `worker.yaml`, or one connector's file.
 * @throws TributaryError CONFIG_INVALID with every mistake of every file, a line each
 */
export function loadConfig<SourceSettings extends { type: string }>(
  path: string,
  options: LoadOptions<SourceSettings>,
): Config<SourceSettings> {
  const problems: Problem[] = []
  const documents = configFiles(path).map(file =>
    readDocument(file, readText(file), { environment: options.environment, problems }),
  )
  const isWorker = (document: ConfigDocument) => WORKER_FILE.test(basename(document.file))
  const workerDocument = documents.find(isWorker) ?? { file: 'worker.yaml', value: {}, lineOf: () => 1 }
  const worker = validate(workerDocument, workerSettings, problems)
  const schema = connectorSchema(options.sources)
  const connectors = documents
    .filter(document => !isWorker(document))
    .flatMap(document => {
      if (options.needsKafka) requireServers(document, workerDocument, problems)
      const settings = validate(document, schema, problems)
      if (!settings) return []
      return [{ ...withShared(settings, worker), file: document.file } as ConnectorSettings<SourceSettings>]
    })
  reportDuplicates(connectors, problems, options.claims)
  if (problems.length > 0) throw invalid(problemLines(problems))
  if (connectors.length === 0) throw invalid([`${path}: holds no connector file (NAME.yaml)`])
  return { worker: worker as WorkerSettings, connectors }
}

export function connectorSchema(sources: SourceSchemas) {
  const [first, ...rest] = Object.values(sources)
  if (!first) throw new RangeError('no connectors are known')
  const source = z.discriminatedUnion(
    'type',
    [first, ...rest] as [z.ZodObject<{ type: z.ZodLiteral<string> }>],
    {
      error: issue =>
        issue.code === 'invalid_union' ? `must be one of: ${Object.keys(sources).join(', ')}` : undefined,
    },
  )
  return z.strictObject({ ...connectorShape, source: source.describe('The database') })
}

function configFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path]
    const names = readdirSync(path).filter(name => /\.ya?ml$/.test(name) && !name.startsWith('.'))
    return names.toSorted().map(name => join(path, name))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw invalid([`${path}: ${code === 'ENOENT' ? 'no such file or folder' : `cannot be read (${code})`}`])
  }
}

function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const why = code === 'ERR_ENCODING_INVALID_ENCODED_DATA' ? 'is not UTF-8' : `cannot be read (${code})`
    throw invalid([`${file}: ${why}`])
  }
}

function withShared<
  Settings extends { kafka?: KafkaSettings | undefined; registry?: RegistrySettings | undefined },
>(settings: Settings, worker: WorkerSettings | undefined): Settings {
  return {
    ...settings,
    kafka: settings.kafka ?? worker?.kafka,
    registry: settings.registry ?? worker?.registry,
  }
}

/** Looks at what stands in the files, not at what is valid, so that this is told together with other mistakes. */
function requireServers(document: ConfigDocument, worker: ConfigDocument, problems: Problem[]): void {
  const holds = ({ value }: ConfigDocument, setting: string) =>
    typeof value === 'object' && value !== null && setting in value
  const require = (setting: string, why: string) => {
    if (holds(document, setting) || holds(worker, setting)) return
    const message = `is missing, here and in worker.yaml${why}`
    problems.push({ file: document.file, line: document.lineOf([setting]), setting, message })
  }
  require('kafka', '')
  const format = holds(document, 'format') ? (document.value as { format: unknown }).format : 'avro'
  if (format === 'avro') require('registry', '; `format: avro` needs it')
}

function reportDuplicates<SourceSettings>(
  connectors: readonly ConnectorSettings<SourceSettings>[],
  problems: Problem[],
  claims: LoadOptions<SourceSettings>['claims'],
): void {
  const seen = new Map<string, string>()
  for (const { name, file, topics, source } of connectors) {
    for (const [setting, key] of [
      ['name', `name ${name}`],
      ['topics.prefix', `topic prefix ${topics.prefix ?? name}`],
      ...(claims?.(source, name) ?? []).map(claim => ['source', claim] as const),
    ] as const) {
      const other = seen.get(key)
      if (other) problems.push({ file, line: 1, setting, message: `${key} is already used by ${other}` })
      seen.set(key, other ?? file)
    }
  }
}

function invalid(lines: readonly string[]): TributaryError {
  const count = lines.length === 1 ? '1 mistake' : `${lines.length} mistakes`
  return new TributaryError(
    'CONFIG_INVALID',
    `${count} in the configuration:\n${lines.map(line => `  ${line}`).join('\n')}`,
  )
}
