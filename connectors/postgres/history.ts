import { TributaryError } from '../../core/errors.ts'
import { formatLsn, type History, type Position, parseLsn } from './position.ts'

// A position is a number in one log. Before it is used, it is made certain that the server's log is that one, at least
// up to there: an LSN of another log is no error to the server, which would send other changes without a word.

/** Sends one replication command on the session that will stream, and returns its rows. */
export type Ask = (command: string) => Promise<readonly Readonly<Record<string, unknown>>[]>

/** Where an earlier timeline of the server's history ended, and the next one began. */
export interface TimelineEnd {
  readonly timeline: number
  readonly lsn: bigint
}

export interface ServerHistory extends History {
  /** Of the timelines before the present one, the oldest first. */
  readonly ends: readonly TimelineEnd[]
}

/**
 * What a position of the history `known` is held against.
 * "Streaming Replication Protocol" (protocol-replication), IDENTIFY_SYSTEM and TIMELINE_HISTORY. Asked on the session that
 * streams, so that no failover lies between the answer and the stream; SQL functions tell of a new timeline late.
 */
export async function readHistory(ask: Ask, known?: History): Promise<ServerHistory> {
  const [identity] = await ask('IDENTIFY_SYSTEM')
  const timeline = Number(identity?.timeline)
  // The first timeline has no file, and that of another may be gone: nothing else shall depend on it.
  const isNeeded = timeline > 1 && known !== undefined && known.timeline !== timeline
  const [file] = isNeeded ? await ask(`TIMELINE_HISTORY ${timeline}`) : []
  return { system: String(identity?.systemid), timeline, ends: readTimelineFile(String(file?.content ?? '')) }
}

/** A line for each timeline before: its number, where it was left, and why. */
export function readTimelineFile(text: string): TimelineEnd[] {
  return Array.from(text.matchAll(/^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/gim), ([, timeline, lsn]) => ({
    timeline: Number(timeline),
    lsn: parseLsn(lsn as string),
  }))
}

/**
 * How the server's history goes on from the one that the position is of:
 * `same`; `promoted`: on a later timeline that holds everything up to the position; `foreign`: it is another cluster's.
 *
 * @throws TributaryError TIMELINE_DIVERGED
 */
export function compareHistories(
  position: Position,
  server: ServerHistory,
  where: string,
): 'same' | 'promoted' | 'foreign' {
  const { history, lsn, cut } = position
  if (!history) return 'same'
  if (history.system !== server.system) return 'foreign'
  if (history.timeline === server.timeline) return 'same'
  const end = server.ends.find(({ timeline }) => timeline === history.timeline)
  const place = `the checkpoint is at ${formatLsn(lsn)} on timeline ${history.timeline}`
  if (!end) {
    throw new TributaryError(
      'TIMELINE_DIVERGED',
      `${where}: the server is on timeline ${server.timeline}, of which timeline ${history.timeline} is no part, and ${place}.`,
    )
  }
  // A commit record that begins where the timeline was left is not in it.
  const isHeld = lsn <= end.lsn && (cut === null || cut.commitLsn < end.lsn)
  if (isHeld) return 'promoted'
  throw new TributaryError(
    'TIMELINE_DIVERGED',
    `${where}: the server left timeline ${history.timeline} at ${formatLsn(end.lsn)}, and ${place}: it lacks changes that are published.`,
  )
}
