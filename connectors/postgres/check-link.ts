import type { Finding } from '../../core/types.ts'

/** A link that others can listen to. `exposure` says what they would hear. */
export function checkLink(exposure: string | null): Finding[] {
  if (exposure === null) return []
  const fix =
    'source.url: add ?sslmode=verify-full&sslrootcert=/path/ca.pem  -- the server needs ssl = on, and a certificate'
  return [{ severity: 'warning', subject: 'encryption', message: exposure, fix }]
}
