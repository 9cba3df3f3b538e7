import { asTributaryError } from '../core/errors.ts'
import { isLoopback } from '../core/net/tls.ts'
import type { Finding } from '../core/types.ts'
import { RegistryClient, type RegistryOptions } from './registry.ts'

/** How long `check` waits for a registry that does not answer. */
const GIVE_UP_AFTER_MS = 3000

/** For `tributary check`: whether the registry is there, speaks the API and lets us in. Never rejects. */
export async function checkRegistry(
  options: Pick<RegistryOptions, 'url' | 'auth' | 'tls' | 'clock'>,
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
    const found: Finding = { severity: 'ok', subject, message: `It answers, and holds ${length} subjects.` }
    return [found, ...exposureFindings(options)]
  } catch (thrown) {
    const error = asTributaryError(thrown)
    const isAbsent = error.code === 'REGISTRY_UNREACHABLE'
    return [{ severity: 'failure', subject, message: error.message, fix: error.hint, isAbsent }]
  }
}

/** A login that others can read on its way. */
export function exposureFindings({ url, auth }: Pick<RegistryOptions, 'url' | 'auth'>): Finding[] {
  const { protocol, hostname, username } = new URL(url)
  if (protocol === 'https:' || isLoopback(hostname) || !(auth || username)) return []
  const message = `the login goes to ${hostname} unencrypted`
  return [
    {
      severity: 'warning',
      subject: 'registry.auth',
      message,
      fix: `registry: { url: https://${hostname}... }`,
    },
  ]
}
