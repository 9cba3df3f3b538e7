import type { SourceDeps } from '../../core/connector.ts'
import { TributaryError } from '../../core/errors.ts'
import type { Queries } from './connection.ts'
import { type Ask, compareHistories, readHistory } from './history.ts'
import { quoteName } from './names.ts'
import { type Cut, formatLsn, type History, type Position } from './position.ts'
import type { Server } from './server.ts'
import type { Capture } from './settings.ts'
import { assertHolds, assertUsable, readSlot } from './slot.ts'

/** Where a stream begins, and the epoch of what it brings. */
export interface Start {
  readonly position: Position
  readonly epoch: number
}

/**
 * Holds the checkpoint against the server, on the session that will stream.
 * @throws TributaryError SYSTEM_CHANGED, TIMELINE_DIVERGED, SLOT_*, REPLAY_MISMATCH
 */
export async function beginAt(
  { capture, queries, deps }: { capture: Capture; queries: Queries; deps: SourceDeps },
  { server, start, ask }: { server: Server; start: Start; ask: Ask },
): Promise<Start> {
  const { where } = capture
  const { position, epoch } = start
  const found = await readHistory(ask, position.history)
  const history = { system: found.system, timeline: found.timeline }
  const relation = compareHistories(position, found, where)
  if (relation === 'foreign' && capture.acceptSystem !== found.system)
    throw systemChanged(position, found, where)
  const slot = await readSlot(queries, capture.slot)
  if (slot) assertUsable(slot, server.database, where)
  if (relation === 'foreign' && position.cut) throw cutInOtherSystem(position.cut, where)
  const lsn = relation === 'foreign' ? (slot?.confirmedLsn ?? position.lsn) : position.lsn
  assertHolds(slot, lsn, where)
  if (capture.failover && !slot.isFailover)
    await ask(`ALTER_REPLICATION_SLOT ${quoteName(slot.name)} (FAILOVER true)`)
  if (relation === 'same') return { position: { ...position, history }, epoch }
  deps.log.warn(
    { from: position.history, to: history, lsn: formatLsn(lsn), epoch: epoch + 1 },
    'the server goes on with another history: a new epoch begins',
  )
  return { position: { lsn, cut: position.cut, history }, epoch: epoch + 1 }
}

function systemChanged({ lsn, history }: Position, found: History, where: string): TributaryError {
  return new TributaryError(
    'SYSTEM_CHANGED',
    `${where}: the checkpoint is at ${formatLsn(lsn)} of system ${history?.system}, and this server is system ${found.system}.`,
  )
}

function cutInOtherSystem({ xid, commitLsn }: Cut, where: string): TributaryError {
  return new TributaryError(
    'SYSTEM_CHANGED',
    `${where}: transaction ${xid} at ${formatLsn(commitLsn)} of the earlier system is published in part, and this server does not have its rest.`,
  )
}
