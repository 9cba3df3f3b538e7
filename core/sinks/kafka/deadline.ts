import type { Clock } from '../../clock.ts'
import { TributaryError } from '../../errors.ts'

export interface Deadline {
  readonly clock: Clock
  readonly ms: number
  /** Ends the wait before its time. */
  readonly signal: AbortSignal
}

/**
 * What `work` resolves to, or KAFKA_UNREACHABLE once the time is over or the signal aborts. The client gives no
 * such promise: some of its calls wait for ever. The work itself goes on; end its connections.
 */
export async function beforeDeadline<T>(work: Promise<T>, doing: string, deadline: Deadline): Promise<T> {
  const { clock, ms, signal } = deadline
  const settled = new AbortController()
  const lateness = clock.sleep(ms, AbortSignal.any([settled.signal, signal])).then((): never => {
    const why = signal.aborted ? 'given up, since the connection is closed' : `no answer within ${ms} ms`
    throw new TributaryError('KAFKA_UNREACHABLE', `${doing}: ${why}`)
  })
  try {
    return await Promise.race([work, lateness])
  } finally {
    settled.abort()
  }
}
