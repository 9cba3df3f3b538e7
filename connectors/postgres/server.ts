import type { Queries } from './connection.ts'

/** What the server says about itself and about the user. */
export interface Server {
  /** As `150004` for 15.4. */
  readonly versionNumber: number
  readonly version: string
  readonly database: string
  readonly user: string
  readonly isSuperuser: boolean
  readonly mayReplicate: boolean
  readonly mayCreateInDatabase: boolean
  readonly isStandby: boolean
  readonly walLevel: string
  /** 0: it waits for ever. */
  readonly walSenderTimeoutMs: number
  readonly maxSlots: number
  readonly usedSlots: number
  readonly maxSenders: number
  readonly usedSenders: number
  /** The session has the settings that we asked for: a pooler would keep them from the server. */
  readonly hasOurSession: boolean
  readonly encoding: string
  /** -1: no limit. */
  readonly maxSlotWalMb: number
  /** 0: never; also before version 18. */
  readonly idleSlotTimeoutSeconds: number
  readonly decodingWorkMemKb: number
  readonly hotStandbyFeedback: boolean
  /** Slots by which standbys read. */
  readonly physicalSlots: readonly string[]
  /** Standbys that must have a change before it is sent to us; always empty before version 17. */
  readonly synchronizedStandbySlots: string
}

/** Managed servers give the right to replicate by membership in a role of their own. */
const SERVER = `
  SELECT current_setting('server_version_num')::int AS "versionNumber", current_setting('server_version') AS version,
    current_database()::text AS database, current_user::text AS user, r.rolsuper AS "isSuperuser",
    r.rolsuper OR r.rolreplication OR EXISTS (
      SELECT FROM pg_roles g WHERE g.rolname IN ('rds_replication', 'cloudsqlreplica') AND pg_has_role(g.oid, 'MEMBER')
    ) AS "mayReplicate",
    has_database_privilege(current_database(), 'CREATE') AS "mayCreateInDatabase",
    pg_is_in_recovery() AS "isStandby", current_setting('wal_level') AS "walLevel",
    (SELECT setting::int FROM pg_settings WHERE name = 'wal_sender_timeout') AS "walSenderTimeoutMs",
    current_setting('max_replication_slots')::int AS "maxSlots",
    (SELECT count(*)::int FROM pg_replication_slots) AS "usedSlots",
    current_setting('max_wal_senders')::int AS "maxSenders",
    (SELECT count(*)::int FROM pg_stat_replication) AS "usedSenders",
    current_setting('IntervalStyle') = 'iso_8601' AS "hasOurSession",
    (SELECT pg_encoding_to_char(encoding)::text FROM pg_database WHERE datname = current_database()) AS encoding,
    (SELECT setting::int FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS "maxSlotWalMb",
    coalesce((SELECT setting::int FROM pg_settings WHERE name = 'idle_replication_slot_timeout'), 0)
      AS "idleSlotTimeoutSeconds",
    (SELECT setting::int FROM pg_settings WHERE name = 'logical_decoding_work_mem') AS "decodingWorkMemKb",
    current_setting('hot_standby_feedback')::bool AS "hotStandbyFeedback",
    ARRAY(SELECT slot_name::text FROM pg_replication_slots WHERE slot_type = 'physical' AND active ORDER BY 1)
      AS "physicalSlots",
    coalesce(current_setting('synchronized_standby_slots', true), '') AS "synchronizedStandbySlots"
  FROM pg_roles r WHERE r.rolname = current_user`

/** @throws TributaryError SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED */
export async function readServer(queries: Queries): Promise<Server> {
  const [server] = await queries.query<Server>(SERVER)
  return server as Server
}
