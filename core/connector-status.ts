import type { TributaryError } from './errors.ts'
import type { Checkpoint, Finding } from './types.ts'

/**
 * starting -checked, opened, changes are being read-> streaming -failure that passes-> waiting -back-off over-> starting
 * any -stop asked for-> stopped; any -failure that does not pass-> failed
 */
export type ConnectorState = 'starting' | 'streaming' | 'waiting' | 'stopped' | 'failed'

/** What `/status` shows of one connector. */
export interface ConnectorStatus {
  readonly name: string
  readonly state: ConnectorState
  /** When it came into this state, ISO 8601. */
  readonly since: string
  /** Times it has begun again after a failure. */
  readonly restarts: number
  /** Why it waits or has failed; the last failure otherwise. */
  readonly error: { code: string; message: string; hint: string; at: string } | null
  /** What the checks before the start found wanting. */
  readonly findings: readonly Finding[]
  readonly eventsRead: number
  readonly recordsWritten: number
  readonly lastWriteAt: string | null
  readonly checkpoint: Checkpoint
  readonly held: { readonly records: number; readonly bytes: number }
  readonly lagSeconds: number
  readonly source: Readonly<Record<string, string | number | boolean | null>>
}

export const describeError = (error: TributaryError, nowMs: number) => ({
  code: error.code,
  message: error.message,
  hint: error.hint,
  at: new Date(nowMs).toISOString(),
})
