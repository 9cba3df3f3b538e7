import { claimsOf, type SourceSettings, sourceSchemas } from '../../connectors/index.ts'
import { systemClock } from '../../core/clock.ts'
import { type ConnectorSettings, loadConfig } from '../../core/config/load.ts'
import { asTributaryError } from '../../core/errors.ts'
import { silentLogger } from '../../core/log.ts'
import type { Finding } from '../../core/types.ts'
import { checkServers, createSource } from '../assemble.ts'
import type { Invocation } from '../usage.ts'

interface ConnectorFindings {
  readonly connector: string
  readonly findings: readonly Finding[]
}

/** `tributary check DIR`. Resolves to 0, to 1 if there are warnings, to 2 if there are failures. */
export async function checkCommand(
  { operands, flags }: Invocation,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const config = loadConfig<SourceSettings>(operands[0] as string, {
    sources: sourceSchemas,
    claims: claimsOf,
    environment,
    needsKafka: true,
  })
  const results = await Promise.all(config.connectors.map(checkConnector))
  console.log(flags.json ? JSON.stringify(results, null, 2) : results.map(asTable).join('\n\n'))
  const severities = new Set(results.flatMap(({ findings }) => findings.map(({ severity }) => severity)))
  return severities.has('failure') ? 2 : severities.has('warning') ? 1 : 0
}

async function checkConnector(settings: ConnectorSettings<SourceSettings>): Promise<ConnectorFindings> {
  const context = { name: settings.name, clock: systemClock, log: silentLogger }
  const source = createSource(settings, context)
  try {
    const parts = await Promise.all([
      source.check().catch(unreachable('source')),
      checkServers(settings, context, new AbortController().signal).catch(unreachable('kafka')),
    ])
    return { connector: settings.name, findings: parts.flat() }
  } finally {
    await source.close()
  }
}

const unreachable =
  (subject: string) =>
  (thrown: unknown): Finding[] => {
    const error = asTributaryError(thrown)
    return [{ severity: 'failure', subject, message: `${error.code}: ${error.message}`, fix: error.hint }]
  }

const MARKS = { ok: 'ok     ', warning: 'WARNING', failure: 'FAILURE' } as const

function asTable({ connector, findings }: ConnectorFindings): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length))
  const lines = findings.flatMap(({ severity, subject, message, fix }) => {
    const line = `  ${MARKS[severity]}  ${subject.padEnd(width)}  ${message}`
    return fix ? [line, `  ${' '.repeat(7 + 2 + width)}  fix: ${fix}`] : [line]
  })
  return [connector, ...lines].join('\n')
}
