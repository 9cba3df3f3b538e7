import type { Clock } from '../../core/clock.ts'
import type { ChangeBatch } from '../../core/types.ts'
import { Cursor } from './cursor.ts'
import type { Session } from './session.ts'

export interface StreamOptions {
  readonly clock: Clock
  /** How often progress is told while no captured table changes. */
  readonly heartbeatMs: number
}

/**
 * The server sends every row by itself, so a reader that is quick gets two or three at a time. Under load it lets this
 * much time pass between batches; after a pause the first row is handed over at once.
 */
const GATHER_MS = 1

/** What of a session reading needs. */
export interface Reading extends Pick<Session, 'batcher' | 'reader' | 'inbox'> {
  readonly keepalive: Pick<Session['keepalive'], 'isServerWaiting' | 'durableLsn'>
}

/**
 * What has arrived becomes batches. Each is handed over as soon as it is full or nothing more has arrived: there is no
 * waiting for more while there is something to tell. A new shape of a table begins a new one. Ends when `signal` aborts.
 *
 * @throws TributaryError; what was read before has been handed over by then
 */
export async function* streamBatches(
  session: Reading,
  { clock, heartbeatMs }: StreamOptions,
  signal: AbortSignal,
): AsyncGenerator<ChangeBatch, void, undefined> {
  const { batcher, reader, inbox } = session
  const cursor = new Cursor()
  const entryAt = reader.entry.bind(reader)
  const wake = () => inbox.wake()
  signal.addEventListener('abort', wake)
  let handedAt = clock.monotonic()
  let handedLsn = reader.progress
  try {
    // Tells that reading has begun, and at a first start notes where.
    yield batcher.take(entryAt)
    while (!signal.aborted) {
      const pause = await gather(session, cursor)
      const isDue = reader.progress > handedLsn && clock.monotonic() - handedAt >= heartbeatMs
      if (!batcher.isEmpty || isDue || isAwaited(session, handedLsn)) {
        handedAt = clock.monotonic()
        handedLsn = reader.progress
        yield batcher.take(entryAt)
      } else if (pause === 'nothingMore') {
        if (inbox.failure) throw inbox.failure
        await inbox.arrival()
        if (clock.monotonic() - handedAt < GATHER_MS) await clock.sleep(GATHER_MS, signal)
      }
      if (typeof pause === 'object') throw pause.failure
    }
  } finally {
    signal.removeEventListener('abort', wake)
  }
}

/** Why no more is read for now. */
type Pause = 'nothingMore' | 'full' | 'described' | { readonly failure: unknown }

/**
 * Reads until the batch is full or nothing more has arrived. Also a table's description ends the batch, as does a
 * failure: readers may refuse the new shape, and what came before is to be published all the same. Otherwise it would
 * depend on how messages happened to arrive together, and be lost to sight at every new start.
 */
async function gather({ inbox, batcher, reader }: Reading, cursor: Cursor): Promise<Pause> {
  try {
    while (!batcher.isFull && inbox.next(cursor)) {
      const lookUp = reader.read(cursor)
      if (!lookUp) continue
      await lookUp
      return 'described'
    }
  } catch (error) {
    return { failure: error }
  }
  return batcher.isFull ? 'full' : 'nothingMore'
}

/**
 * Is the server waiting for progress that no rows will bring? When it shuts down it lets no reader go before all of the
 * log is confirmed, and it asks for that again and again.
 */
function isAwaited({ keepalive, reader }: Reading, handedLsn: bigint): boolean {
  return keepalive.isServerWaiting && reader.progress > handedLsn && keepalive.durableLsn >= handedLsn
}
