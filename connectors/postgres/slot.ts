import { type ErrorCode, TributaryError } from '../../core/errors.ts'
import type { Queries } from './connection.ts'
import { quoteText } from './names.ts'
import { formatLsn, parseLsn } from './position.ts'

export interface Slot {
  readonly name: string
  readonly type: string
  readonly plugin: string | null
  readonly database: string | null
  readonly isTemporary: boolean
  /** It is the copy of a primary's slot, which nobody may read before the promotion. */
  readonly isSynced: boolean
  /** Standbys get a copy of it, so that the stream goes on after a failover. Always false before version 17. */
  readonly isFailover: boolean
  /** Made for prepared transactions to be sent when they are prepared, and not when they are committed. */
  readonly isTwoPhase: boolean
  /** The process that reads it; null: nobody. */
  readonly readerPid: number | null
  /** Who that is: application, user, address. */
  readonly reader: string | null
  /** Transactions that were committed before this are not sent again. */
  readonly confirmedLsn: bigint | null
  /** Why the server has given it up; null: it has not. */
  readonly lostBecause: string | null
  /** `reserved`, `extended` (more than max_wal_size), `unreserved` (about to be removed), `lost`. */
  readonly walStatus: string | null
  /** Log that is kept for it. */
  readonly heldBytes: number | null
  /** The end of the server's log; null on a standby, which reads its log again after a restart. */
  readonly logEndLsn: bigint | null
}

type SlotRow = Omit<Slot, 'confirmedLsn' | 'logEndLsn'> & { confirmed: string | null; logEnd: string | null }

/** Columns that newer servers have are read by way of JSON, so that one statement does for all. */
const SLOT = `
  SELECT slot_name::text AS name, slot_type AS type, plugin::text, database::text, temporary AS "isTemporary",
    coalesce((to_jsonb(s) ->> 'synced')::bool AND pg_is_in_recovery(), false) AS "isSynced",
    coalesce((to_jsonb(s) ->> 'failover')::bool, false) AS "isFailover", two_phase AS "isTwoPhase",
    active_pid AS "readerPid",
    nullif(concat_ws(', ', nullif(a.application_name, ''), 'user ' || a.usename, 'from ' || host(a.client_addr)), '') AS reader,
    confirmed_flush_lsn::text AS confirmed, wal_status AS "walStatus",
    pg_wal_lsn_diff(
      CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, restart_lsn
    )::float8 AS "heldBytes",
    coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN wal_status = 'lost' THEN 'wal_removed' END,
      CASE WHEN (to_jsonb(s) ->> 'conflicting')::bool THEN 'conflict' END) AS "lostBecause",
    CASE WHEN NOT pg_is_in_recovery() THEN pg_current_wal_flush_lsn()::text END AS "logEnd"
  FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid
  WHERE slot_name = $1`

export async function readSlot(queries: Queries, name: string): Promise<Slot | null> {
  const [row] = await queries.query<SlotRow>(SLOT, [name])
  if (!row) return null
  const { confirmed, logEnd, ...slot } = row
  return {
    ...slot,
    confirmedLsn: confirmed === null ? null : parseLsn(confirmed),
    logEndLsn: logEnd === null ? null : parseLsn(logEnd),
  }
}

/** From here on, slots can be copied to standbys. */
export const FAILOVER_VERSION = 170_000

/**
 * Makes a slot and returns where it begins. Waits for the transactions that are running to end; on a standby, until the
 * primary has logged which these are.
 * @throws TributaryError SOURCE_ACCESS_DENIED, CHECK_FAILED
 */
export async function createSlot(
  queries: Queries,
  { name, failover }: { name: string; failover: boolean },
): Promise<bigint> {
  const options = failover ? ', failover => true' : ''
  const [row] = await queries.execute<{ lsn: string }>(
    `SELECT lsn::text FROM pg_create_logical_replication_slot($1, 'pgoutput'${options})`,
    [name],
  )
  return parseLsn(row?.lsn ?? '')
}

/** What keeps a slot from being read by us. */
export interface SlotFault {
  readonly code: ErrorCode
  /** Goes on after the slot's name. */
  readonly message: string
  readonly fix: string
}

/** Everything that does not pass by itself, and does not depend on a checkpoint. */
export function slotFault(slot: Slot, database: string): SlotFault | null {
  const { type, plugin, lostBecause } = slot
  const drop = `SELECT pg_drop_replication_slot(${quoteText(slot.name)});`
  // Somebody may live by it.
  const another = `Set source.slot to another name; or, if nobody reads this one: ${drop}`
  const unsuitable = (message: string, fix: string): SlotFault => ({ code: 'SLOT_UNSUITABLE', message, fix })
  if (type !== 'logical' || plugin !== 'pgoutput') {
    return unsuitable(`is of another kind (${[type, plugin].filter(Boolean).join(', ')}).`, another)
  }
  if (slot.database !== database) {
    return unsuitable(
      `belongs to database ${slot.database}.`,
      'Set source.slot to a name that no other database uses.',
    )
  }
  if (slot.isSynced) {
    const message =
      'is a standby’s copy of a slot of its primary: it can be read once this server is promoted.'
    return unsuitable(message, 'Name the primary in source.url, or promote this server.')
  }
  if (slot.isTemporary) {
    const message = `is temporary: it ends with the session that made it (process ${slot.readerPid}).`
    return unsuitable(message, `SELECT pg_terminate_backend(${slot.readerPid});`)
  }
  if (slot.isTwoPhase) {
    const message = 'is made for prepared transactions to be sent before they are committed.'
    return unsuitable(message, another)
  }
  if (lostBecause === null) return null
  const message = `was invalidated by the server (${lostBecause}): ${CAUSES[lostBecause] ?? 'what it held is gone'}.`
  return { code: 'SLOT_LOST', message, fix: `${drop}  -- then rebuild the read models` }
}

/** "pg_replication_slots" (view-pg-replication-slots), invalidation_reason; `conflict` is all that 16 tells. */
const CAUSES: Readonly<Record<string, string>> = {
  wal_removed: 'it fell further behind than max_slot_wal_keep_size allows',
  rows_removed:
    'the primary removed old rows of its catalog that a standby’s slot needs; set hot_standby_feedback = on, and give the standby a physical slot',
  wal_level_insufficient: 'wal_level was below logical',
  idle_timeout: 'nobody read it for idle_replication_slot_timeout',
  conflict: 'what the standby replayed removed what it needs; set hot_standby_feedback = on',
}

/**
 * @throws TributaryError SLOT_UNSUITABLE, SLOT_LOST
 */
export function assertUsable(slot: Slot, database: string, where: string): void {
  const fault = slotFault(slot, database)
  if (fault) throw new TributaryError(fault.code, `${where} ${fault.message}`)
}

/**
 * Whether the slot still holds everything after `lsn`. Streaming from an earlier place than the slot's own is no
 * error to the server: it begins at its own without a word, and the changes between are never seen. Nor is a later place
 * than the end of its log, as after a restore: it leaves out everything until the log has grown as far.
 * @throws TributaryError SLOT_MISSING, SLOT_AHEAD, REPLAY_MISMATCH
 */
export function assertHolds(slot: Slot | null, lsn: bigint, where: string): asserts slot is Slot {
  if (!slot) {
    throw new TributaryError(
      'SLOT_MISSING',
      `${where} does not exist, and the checkpoint is at ${formatLsn(lsn)}.`,
    )
  }
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

/** Who reads the slot, for messages: `process 4711 (tributary shop, user cdc, from 10.0.0.7)`. */
export const readerOf = ({ readerPid, reader }: Slot): string =>
  `process ${readerPid}${reader ? ` (${reader})` : ''}`
