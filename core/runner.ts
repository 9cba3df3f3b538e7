import type { ConnectorRun } from './connector-run.ts'
import type { TributaryError } from './errors.ts'

/** How a worker ended. `errors` holds the failures by connector; none of them passes by itself. */
export interface RunResult {
  readonly errors: ReadonlyMap<string, TributaryError>
}

/**
 * Runs the connectors side by side until `signal` aborts. One that fails leaves the others running; the worker
 * ends when none is left, or when one that is `required` has failed.
 */
export async function runConnectors(
  connectors: readonly ConnectorRun[],
  signal: AbortSignal,
): Promise<RunResult> {
  const errors = new Map<string, TributaryError>()
  const requiredFailed = new AbortController()
  const stop = AbortSignal.any([signal, requiredFailed.signal])
  await Promise.all(
    connectors.map(async connector => {
      const error = await connector.run(stop)
      if (!error) return
      errors.set(connector.name, error)
      if (connector.required) requiredFailed.abort()
    }),
  )
  return { errors }
}
