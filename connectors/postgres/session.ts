import { Batcher } from '../../core/batcher.ts'
import type { SourceDeps } from '../../core/connector.ts'
import { asTributaryError, TributaryError } from '../../core/errors.ts'
import type { CheckpointEntry } from '../../core/types.ts'
import { beginAt, type Start } from './begin.ts'
import { lookUpTable } from './catalog.ts'
import { NO_TRANSACTION_TIMEOUT, openReplication, type Queries, type ReplicationLink } from './connection.ts'
import { Inbox } from './inbox.ts'
import { Keepalive } from './keepalive.ts'
import { LogReader } from './log-reader.ts'
import { MessageRules } from './messages.ts'
import { formatLsn, type Position, readPosition } from './position.ts'
import { followTimeline } from './promotion.ts'
import { createPublicationSql, listCandidates, readPublication } from './publication.ts'
import { readServer, type Server } from './server.ts'
import type { Capture } from './settings.ts'
import { assertHolds, assertUsable, createSlot, readerOf, readSlot } from './slot.ts'
import { Tables } from './tables.ts'

/** The parts of a running stream. */
export interface Session {
  readonly server: Server
  readonly link: ReplicationLink
  readonly inbox: Inbox
  readonly batcher: Batcher
  readonly reader: LogReader
  readonly keepalive: Keepalive
}

export interface SessionOptions {
  readonly capture: Capture
  readonly deps: SourceDeps
  readonly queries: Queries
  readonly from: CheckpointEntry | undefined
  /** Ends the opening early. */
  readonly signal: AbortSignal
  /** Called with what the opening waits for, when that may take long. */
  readonly onWaiting: (what: string) => void
}

/**
 * Makes what is missing on the server, and starts streaming at the checkpoint.
 * @throws TributaryError SLOT_*, SYSTEM_CHANGED, TIMELINE_DIVERGED, REPLAY_MISMATCH, POSITION_INVALID, PUBLICATION_MISSING, SOURCE_*
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { capture, queries, from } = options
  const resume = from ? readPosition(from.position) : null
  if (resume) assertSameCapture(resume, capture)
  const server = await readServer(queries)
  const first = resume ?? { lsn: await prepareServer(options, server), cut: null }
  return await connect(options, server, { position: first, epoch: from?.epoch ?? 1 })
}

/**
 * A count of events holds only for the settings under which they were counted. With a trace the events themselves are
 * compared: a mend by settings, such as leaving a table out, must not wait for the transaction that needs it.
 */
function assertSameCapture({ cut }: Position, { fingerprint, where }: Capture): void {
  if (cut === null || cut.trace !== undefined || cut.capture === fingerprint) return
  throw new TributaryError(
    'REPLAY_MISMATCH',
    `${where}: transaction ${cut.xid} at ${formatLsn(cut.commitLsn)} is published in part under other settings of tables and keys. Put these back until it is through.`,
  )
}

/**
 * Publication before slot: a slot made first would hold changes from before the publication existed, which cannot be
 * decoded. For the same reason nothing is made for a slot that is there already. Returns where the slot begins.
 */
async function prepareServer(options: SessionOptions, server: Server): Promise<bigint> {
  const { capture, deps, queries } = options
  const { slot, publication, where, filter } = capture
  const found = await readSlot(queries, slot)
  if (!(await readPublication(queries, publication))) {
    const create = createPublicationSql(publication, filter, {
      ...server,
      candidates: await listCandidates(queries),
    })
    if (found) {
      throw new TributaryError(
        'PUBLICATION_MISSING',
        `${where} holds changes from before publication ${publication} existed.`,
      )
    }
    if (server.isStandby) {
      throw new TributaryError(
        'PUBLICATION_MISSING',
        `${where}: a standby cannot make publication ${publication}. On its primary: ${create};`,
      )
    }
    await queries.execute(create)
    deps.log.info({ publication }, 'publication created')
  }
  if (!found) return await makeSlot(options, server)
  assertUsable(found, server.database, where)
  if (found.confirmedLsn !== null) return found.confirmedLsn
  throw new TributaryError('SLOT_IN_USE', `${where} is still being made by ${readerOf(found)}.`)
}

/**
 * Asks the server to end the waiting when we are gone: by itself it would not notice, and the half-made slot would stay.
 * Not every system that servers run on can tell.
 */
const WATCH_CLIENT = `SELECT set_config('client_connection_check_interval', '1s', false)`

async function makeSlot(
  { capture, deps, queries, onWaiting }: SessionOptions,
  server: Server,
): Promise<bigint> {
  const { slot: name, failover } = capture
  await queries.execute(WATCH_CLIENT).catch((error: unknown) => {
    deps.log.debug({ error: asTributaryError(error).message }, 'the server cannot watch its clients')
  })
  await queries.execute(NO_TRANSACTION_TIMEOUT)
  const waitsFor = server.isStandby
    ? 'its primary to log which transactions run: SELECT pg_log_standby_snapshot() there makes it do so'
    : 'the transactions that are running to end'
  onWaiting(`the slot, which waits for ${waitsFor}`)
  deps.log.info({ slot: name, waitsFor }, 'creating the slot')
  const lsn = await createSlot(queries, { name, failover })
  deps.log.info({ slot: name, lsn: formatLsn(lsn) }, 'slot created')
  return lsn
}

async function connect(options: SessionOptions, server: Server, planned: Start): Promise<Session> {
  const { capture, deps, queries, signal } = options
  const { where } = capture
  let start = planned
  // The inbox pauses the link and the link fills the inbox; the driver calls neither before the link is there.
  let link: ReplicationLink | null = null
  const inbox = new Inbox({ pause: () => link?.pause(), resume: () => link?.resume() })
  link = await openReplication(
    {
      ...capture,
      begin: async ask => {
        start = await beginAt(options, { server, start, ask })
        return start.position.lsn
      },
      signal,
    },
    {
      message: message => inbox.push(message),
      warned: warning =>
        deps.log.warn({ warning }, 'the server holds changes back until its standbys have them'),
      ended: reason => inbox.fail(reason),
    },
  ).catch(async (error: unknown) => {
    throw await withReader(asTributaryError(error), queries, capture)
  })
  try {
    // Asked again now that nobody else can read the slot: between the first look and the start it may have moved.
    assertHolds(await readSlot(queries, capture.slot), start.position.lsn, where)
  } catch (error) {
    await link.close()
    throw error
  }
  return assemble(options, { server, link, inbox, start })
}

/** A slot that is in use is read by somebody: the server gives a number only. */
async function withReader(
  error: TributaryError,
  queries: Queries,
  { slot, where }: Capture,
): Promise<TributaryError> {
  const found = error.code === 'SLOT_IN_USE' ? await readSlot(queries, slot) : null
  if (!found || found.readerPid === null) return error
  return new TributaryError('SLOT_IN_USE', `${where} is read by ${readerOf(found)}.`, { cause: error })
}

function assemble(
  { capture, deps, queries, signal }: SessionOptions,
  { server, link, inbox, start }: { server: Server; link: ReplicationLink; inbox: Inbox; start: Start },
): Session {
  const { where } = capture
  const { position, epoch } = start
  const keepalive = new Keepalive({
    link,
    clock: deps.clock,
    walSenderTimeoutMs: server.walSenderTimeoutMs,
    heartbeatMs: capture.heartbeatMs,
    startLsn: position.lsn,
    where,
    isPaused: () => inbox.isPaused,
    onSilence: reason => inbox.fail(reason),
  })
  const batcher = new Batcher(deps.batchLimits)
  const reader = new LogReader({
    batcher,
    tables: new Tables({
      database: server.database,
      filter: capture.filter,
      keys: capture.keys,
      decimals: capture.decimals,
      lookUp: relation => lookUpTable(queries, relation),
    }),
    messages: capture.messages.length > 0 ? new MessageRules(capture.messages, server.database) : undefined,
    from: position,
    epoch,
    fingerprint: capture.fingerprint,
    onReplyWanted: () => keepalive.answer(),
    where,
  })
  if (server.isStandby && position.history) {
    const { system, timeline } = position.history
    const onTimeline = (later: number) => reader.continueOn({ system, timeline: later })
    void followTimeline(timeline, { queries, clock: deps.clock, signal, inbox, onTimeline })
  }
  deps.log.info(
    { slot: capture.slot, lsn: formatLsn(position.lsn), server: server.version },
    'stream started',
  )
  return { server, link, inbox, batcher, reader, keepalive }
}
