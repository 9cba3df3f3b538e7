import type { Clock } from '../../core/clock.ts'
import { asTributaryError } from '../../core/errors.ts'
import type { Queries } from './connection.ts'
import type { Inbox } from './inbox.ts'

const ASK_EVERY_MS = 1_000

/** Null while it is a standby. A name of a log file begins with its timeline, eight digits in hex. */
const TIMELINE = `
  SELECT CASE WHEN NOT pg_is_in_recovery()
    THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int8::float8 END AS timeline`

/**
 * Resolves to the timeline on which a standby goes on once it is promoted, or to null when `signal` aborts or the link
 * has failed.
 *
 * The server streams on across its promotion without a word. What is read from then on are places of the new
 * timeline; as places of the old one they would look like changes that the new one lacks.
 */
export async function untilPromoted(watch: {
  queries: Queries
  clock: Clock
  signal: AbortSignal
  inbox: Inbox
}): Promise<number | null> {
  const { queries, clock, signal, inbox } = watch
  try {
    while (!signal.aborted && !inbox.failure) {
      const [row] = await queries.query<{ timeline: number | null }>(TIMELINE)
      if (row?.timeline) return row.timeline
      await clock.sleep(ASK_EVERY_MS, signal)
    }
  } catch (error) {
    if (!signal.aborted) inbox.fail(asTributaryError(error))
  }
  return null
}
