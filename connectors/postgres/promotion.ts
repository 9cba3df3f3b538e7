import type { Clock } from '../../core/clock.ts'
import { asTributaryError } from '../../core/errors.ts'
import type { Queries } from './connection.ts'
import type { Inbox } from './inbox.ts'

const ASK_EVERY_MS = 1_000

/**
 * A name of a log file begins with its timeline, eight digits in hex. A standby has no such name; what it notes of its
 * replay, now and then, is at most as far as it is.
 */
const TIMELINE = `
  SELECT pg_is_in_recovery() AS "isStandby", CASE WHEN pg_is_in_recovery()
    THEN greatest((SELECT min_recovery_end_timeline FROM pg_control_recovery()),
      (SELECT timeline_id FROM pg_control_checkpoint()))::float8
    ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int8::float8 END AS timeline`

/**
 * Tells of each later timeline on which a standby goes on: that of a new primary which it follows, or its own once it is
 * promoted. Ends then, and when `signal` aborts or the link has failed.
 *
 * The server streams on across all of this without a word. What is read from then on are places of the new
 * timeline; as places of the old one they would look like changes that the new one lacks.
 */
export async function followTimeline(
  from: number,
  watch: {
    queries: Queries
    clock: Clock
    signal: AbortSignal
    inbox: Inbox
    onTimeline: (timeline: number) => void
  },
): Promise<void> {
  const { queries, clock, signal, inbox, onTimeline } = watch
  let known = from
  try {
    while (!signal.aborted && !inbox.failure) {
      const [row] = await queries.query<{ timeline: number; isStandby: boolean }>(TIMELINE)
      if (row && row.timeline > known) {
        known = row.timeline
        onTimeline(known)
      }
      if (row?.isStandby === false) return
      await clock.sleep(ASK_EVERY_MS, signal)
    }
  } catch (error) {
    if (!signal.aborted) inbox.fail(asTributaryError(error))
  }
}
