import { Batcher } from '../../core/batcher.ts'
import type { SourceDeps } from '../../core/connector.ts'
import { TributaryError } from '../../core/errors.ts'
import type { CheckpointEntry } from '../../core/types.ts'
import { lookUpTable } from './catalog.ts'
import { openReplication, type Queries, type ReplicationLink } from './connection.ts'
import { Inbox } from './inbox.ts'
import { Keepalive } from './keepalive.ts'
import { LogReader } from './log-reader.ts'
import { formatLsn, type Position, readPosition } from './position.ts'
import { createPublicationSql, listCandidates, readPublication } from './publication.ts'
import { readServer, type Server } from './server.ts'
import type { Capture } from './settings.ts'
import { assertHolds, assertNotLost, createSlot, readSlot } from './slot.ts'
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
}

/**
 * Makes what is missing on the server, and starts streaming at the checkpoint.
 * @throws TributaryError SLOT_*, REPLAY_MISMATCH, POSITION_INVALID, SOURCE_*, CHECK_FAILED
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { capture, queries, from } = options
  const resume = from ? readPosition(from.position) : null
  if (resume) assertSameCapture(resume, capture)
  const server = await readServer(queries)
  const position = resume ? await findSlot(queries, capture, resume) : await prepareServer(options, server)
  return await connect(options, server, position)
}

/** A count of events holds only for the settings under which they were counted. */
function assertSameCapture({ cut }: Position, { fingerprint, where }: Capture): void {
  if (cut === null || cut.capture === fingerprint) return
  throw new TributaryError(
    'REPLAY_MISMATCH',
    `${where}: transaction ${cut.xid} at ${formatLsn(cut.commitLsn)} is published in part under other settings of tables and keys. Put these back until it is through.`,
  )
}

async function findSlot(queries: Queries, { slot, where }: Capture, resume: Position): Promise<Position> {
  assertHolds(await readSlot(queries, slot), resume.lsn, where)
  return resume
}

/**
 * Publication before slot: a slot made first would hold changes from before the publication existed, which cannot be
 * decoded. For the same reason nothing is made for a slot that is there already.
 */
async function prepareServer({ capture, deps, queries }: SessionOptions, server: Server): Promise<Position> {
  const { slot, publication, where, filter } = capture
  const found = await readSlot(queries, slot)
  if (!(await readPublication(queries, publication))) {
    if (found) {
      throw new TributaryError(
        'CHECK_FAILED',
        `${where} holds changes from before publication ${publication} existed.`,
      )
    }
    const candidates = await listCandidates(queries)
    await queries.execute(createPublicationSql(publication, filter, { candidates, ...server }))
    deps.log.info({ publication }, 'publication created')
  }
  if (found) {
    assertNotLost(found, where)
    if (found.confirmedLsn === null) throw new TributaryError('SLOT_IN_USE', `${where} is still being made.`)
    return { lsn: found.confirmedLsn, cut: null }
  }
  deps.log.info({ slot }, 'creating the slot: waits for running transactions to end')
  const lsn = await createSlot(queries, slot)
  deps.log.info({ slot, lsn: formatLsn(lsn) }, 'slot created')
  return { lsn, cut: null }
}

async function connect(options: SessionOptions, server: Server, position: Position): Promise<Session> {
  const { capture, deps, queries, from, signal } = options
  const { where } = capture
  // The inbox pauses the link and the link fills the inbox; the driver calls neither before the link is there.
  let link: ReplicationLink | null = null
  const inbox = new Inbox({ pause: () => link?.pause(), resume: () => link?.resume() })
  link = await openReplication(
    {
      url: capture.url,
      slot: capture.slot,
      publication: capture.publication,
      lsn: position.lsn,
      where,
      signal,
    },
    { message: message => inbox.push(message), ended: reason => inbox.fail(reason) },
  )
  try {
    // Asked again now that nobody else can read the slot: between the first look and the start it may have moved.
    assertHolds(await readSlot(queries, capture.slot), position.lsn, where)
  } catch (error) {
    await link.close()
    throw error
  }
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
    from: position,
    epoch: from?.epoch ?? 1,
    fingerprint: capture.fingerprint,
    onReplyWanted: () => keepalive.answer(),
    where,
  })
  deps.log.info(
    { slot: capture.slot, lsn: formatLsn(position.lsn), server: server.version },
    'stream started',
  )
  return { server, link, inbox, batcher, reader, keepalive }
}
