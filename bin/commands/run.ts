import { claimsOf, type SourceSettings, sourceSchemas } from '../../connectors/index.ts'
import { systemClock } from '../../core/clock.ts'
import { type Config, loadConfig } from '../../core/config/load.ts'
import { ConnectorRun } from '../../core/connector-run.ts'
import type { ErrorCode } from '../../core/errors.ts'
import { startHttp } from '../../core/http/server.ts'
import { createLogger, type Logger } from '../../core/log.ts'
import { createMetrics, type Metrics } from '../../core/metrics.ts'
import { type RunResult, runConnectors } from '../../core/runner.ts'
import { beginTenure } from '../../core/sinks/kafka/tenure.ts'
import { VERSION } from '../../core/version.ts'
import { kafkaAttempt, stdoutAttempt } from '../assemble.ts'
import { keepHeapSmall } from '../heap.ts'
import { type Invocation, usageError } from '../usage.ts'

/** An orderly stop takes as long as the writes in progress, and no longer than this. */
const STOP_WITHIN_MS = 9_000

/** `tributary run DIR`. Resolves to the exit code when every connector has ended. */
export async function runCommand(
  { operands, flags }: Invocation,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const toStdout = flags.sink === 'stdout'
  if (flags.sink !== undefined && !toStdout) throw usageError('--sink knows "stdout" only')
  if (flags.state !== undefined && !toStdout) throw usageError('--state goes with --sink stdout')
  const config = loadConfig<SourceSettings>(operands[0] as string, {
    sources: sourceSchemas,
    claims: claimsOf,
    environment,
    needsKafka: !toStdout,
  })
  if (toStdout && config.connectors.length > 1)
    throw usageError('--sink stdout takes one connector: name its file')
  keepHeapSmall()
  const log = createLogger(config.worker.log.level, toStdout ? 2 : 1)
  const metrics = createMetrics()
  const connectors = connectorRuns(config, {
    log,
    metrics,
    state: toStdout ? { file: flags.state as string } : null,
  })
  const http = toStdout ? null : await listen(config, connectors, metrics)
  log.info(
    { version: VERSION, connectors: connectors.map(({ name }) => name), http: http?.url },
    'worker started',
  )
  const result = await runConnectors(connectors, stopSignal(log))
  await http?.close()
  log.info({ failed: [...result.errors.keys()] }, 'worker ended')
  return exitCode(result, connectors.length)
}

function connectorRuns(
  config: Config<SourceSettings>,
  { log, metrics, state }: { log: Logger; metrics: Metrics; state: { file: string | undefined } | null },
): ConnectorRun[] {
  return config.connectors.map(settings => {
    const { name, required } = settings
    const context = { name, clock: systemClock, log: log.child({ connector: name }), tenure: beginTenure() }
    const attempt = state
      ? () => stdoutAttempt(settings, context, state.file)
      : () => kafkaAttempt(settings, context)
    return new ConnectorRun({ ...context, required, attempt, metrics: metrics.connector(name) })
  })
}

const listen = (config: Config<SourceSettings>, connectors: readonly ConnectorRun[], metrics: Metrics) =>
  startHttp({
    ...config.worker.http,
    version: VERSION,
    startedAt: new Date(),
    metrics,
    connectors: () => connectors.map(connector => connector.status()),
  })

/**
 * Aborts at the first SIGTERM or SIGINT. If the connectors have not ended in time, or at a second signal, the
 * process ends at once: that costs nothing but the time to read again what was not durable.
 */
function stopSignal(log: Logger): AbortSignal {
  const controller = new AbortController()
  const stop = (signal: NodeJS.Signals) => {
    if (controller.signal.aborted) process.exit(1)
    log.info({ signal }, 'worker stops')
    controller.abort()
    setTimeout(() => {
      log.error(
        { withinMs: STOP_WITHIN_MS },
        'connectors have not ended in time; what was not durable is read again',
      )
      process.exit(1)
    }, STOP_WITHIN_MS).unref()
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  return controller.signal
}

/** What keeps a connector from starting, and comes at no other time. */
const REFUSALS: readonly ErrorCode[] = [
  'CHECK_FAILED',
  'CONFIG_INVALID',
  'PUBLICATION_MISSING',
  'SLOT_UNSUITABLE',
  'SOURCE_POOLED',
]

/** 2 when nothing could be started at all, so that a wrong set-up can be told from a failure in operation. */
function exitCode({ errors }: RunResult, connectors: number): number {
  if (errors.size === 0) return 0
  const isRefused = [...errors.values()].every(({ code }) => REFUSALS.includes(code))
  return isRefused && errors.size === connectors ? 2 : 1
}
