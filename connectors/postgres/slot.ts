import { TributaryError } from '../../core/errors.ts'
import type { Queries } from './connection.ts'
import { formatLsn, parseLsn } from './position.ts'

export interface Slot {
  readonly type: string
  readonly plugin: string | null
  readonly database: string | null
  /** The process that reads it; null: nobody. */
  readonly readerPid: number | null
  /** Transactions that were committed before this are not sent again. */
  readonly confirmedLsn: bigint | null
  /** Why the server has given it up; null: it has not. */
  readonly lostBecause: string | null
  /** The end of the server's log; null on a standby, which reads its log again after a restart. */
  readonly logEndLsn: bigint | null
}

interface SlotRow {
  type: string
  plugin: string | null
  database: string | null
  readerPid: number | null
  confirmed: string | null
  status: string | null
  reason: string | null
  logEnd: string | null
}

/** Columns that newer servers have are read by way of JSON, so that one statement does for all. */
const SLOT = `
  SELECT slot_type AS type, plugin, database::text, active_pid AS "readerPid", confirmed_flush_lsn::text AS confirmed,
    wal_status AS status, to_jsonb(s) ->> 'invalidation_reason' AS reason,
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END AS "logEnd"
  FROM pg_replication_slots s WHERE slot_name = $1`

export async function readSlot(queries: Queries, name: string): Promise<Slot | null> {
  const [row] = await queries.query<SlotRow>(SLOT, [name])
  if (!row) return null
  const { type, plugin, database, readerPid, confirmed, status, reason, logEnd } = row
  return {
    type,
    plugin,
    database,
    readerPid,
    confirmedLsn: confirmed === null ? null : parseLsn(confirmed),
    lostBecause: reason ?? (status === 'lost' ? 'wal_removed' : null),
    logEndLsn: logEnd === null ? null : parseLsn(logEnd),
  }
}

/**
 * Makes a slot and returns where it begins. Waits for the transactions that are running to end.
 * @throws TributaryError SOURCE_ACCESS_DENIED, CHECK_FAILED
 */
export async function createSlot(queries: Queries, name: string): Promise<bigint> {
  const [row] = await queries.execute<{ lsn: string }>(
    `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput')`,
    [name],
  )
  return parseLsn(row?.lsn ?? '')
}

/**
 * Whether the slot still holds everything after `lsn`. Streaming from an earlier place than the slot's own is no
 * error to the server: it begins at its own without a word, and the changes between are never seen. Nor is a later place
 * than the end of its log, as after a restore: it leaves out everything until the log has grown as far.
 * @throws TributaryError SLOT_MISSING, SLOT_LOST, SLOT_AHEAD, REPLAY_MISMATCH
 */
export function assertHolds(slot: Slot | null, lsn: bigint, where: string): asserts slot is Slot {
  if (!slot) {
    throw new TributaryError(
      'SLOT_MISSING',
      `${where} does not exist, and the checkpoint is at ${formatLsn(lsn)}.`,
    )
  }
  assertNotLost(slot, where)
  if (slot.confirmedLsn !== null && slot.confirmedLsn > lsn) {
    throw new TributaryError(
      'SLOT_AHEAD',
      `${where} begins at ${formatLsn(slot.confirmedLsn)}, after the checkpoint at ${formatLsn(lsn)}.`,
    )
  }
  if (slot.logEndLsn !== null && slot.logEndLsn < lsn) {
    throw new TributaryError(
      'REPLAY_MISMATCH',
      `${where}: the server's log ends at ${formatLsn(slot.logEndLsn)}, before the checkpoint at ${formatLsn(lsn)}.`,
    )
  }
}

/** @throws TributaryError SLOT_LOST */
export function assertNotLost(slot: Slot, where: string): void {
  if (slot.lostBecause !== null) {
    throw new TributaryError('SLOT_LOST', `${where} was invalidated by the server (${slot.lostBecause}).`)
  }
}
