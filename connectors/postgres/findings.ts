import type { ErrorCode } from '../../core/errors.ts'
import type { Finding } from '../../core/types.ts'

export const ok = (subject: string, message: string): Finding => ({ severity: 'ok', subject, message })

/** The connector is not started; `code` is what it stops with, if not CHECK_FAILED. */
export const failure = (subject: string, message: string, fix: string, code?: ErrorCode): Finding => ({
  severity: 'failure',
  subject,
  message,
  fix,
  ...(code ? { code } : {}),
})

export const warning = (subject: string, message: string, fix: string): Finding => ({
  severity: 'warning',
  subject,
  message,
  fix,
})

/** For settings that take effect without a restart. The two cannot be sent as one: ALTER SYSTEM wants no transaction. */
export const alterSystem = (setting: string, value: string): string =>
  `ALTER SYSTEM SET ${setting} = ${value}; SELECT pg_reload_conf();`
