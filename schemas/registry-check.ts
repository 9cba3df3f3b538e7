import { asTributaryError } from '../core/errors.ts'
import type { Finding } from '../core/types.ts'
import { RegistryClient, type RegistryOptions } from './registry.ts'

/** How long `check` waits for a registry that does not answer. */
const GIVE_UP_AFTER_MS = 3000

/** For `tributary check`: whether the registry is there, speaks the API and lets us in. Never rejects. */
export async function checkRegistry(
  options: Pick<RegistryOptions, 'url' | 'auth' | 'clock'>,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const subject = 'schema registry'
  try {
    const client = new RegistryClient({
      ...options,
      timeoutMs: GIVE_UP_AFTER_MS,
      giveUpAfterMs: GIVE_UP_AFTER_MS,
    })
    const { length } = await client.subjects(signal)
    return [{ severity: 'ok', subject, message: `It answers, and holds ${length} subjects.` }]
  } catch (thrown) {
    const error = asTributaryError(thrown)
    const isAbsent = error.code === 'REGISTRY_UNREACHABLE'
    return [{ severity: 'failure', subject, message: error.message, fix: error.hint, isAbsent }]
  }
}
