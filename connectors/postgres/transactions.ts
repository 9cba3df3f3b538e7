import type { Queries } from './connection.ts'

/** A transaction that has changed something and has not ended. The server keeps its log from where it began. */
export interface OpenTransaction {
  /** Of PREPARE TRANSACTION, which outlives its session and the server; null: an ordinary one. */
  readonly preparedId: string | null
  readonly database: string
  readonly ageSeconds: number
  /** Null when it is prepared. */
  readonly pid: number | null
}

/** Also of other databases: they share the log. */
const OPEN_TRANSACTIONS = `
  SELECT gid AS "preparedId", database::text, pid, extract(epoch FROM clock_timestamp() - began)::float8 AS "ageSeconds"
  FROM (
    SELECT gid, database, NULL::int AS pid, prepared AS began FROM pg_prepared_xacts
    UNION ALL
    SELECT NULL, datname, pid, xact_start FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND backend_type = 'client backend'
  ) open
  WHERE began < clock_timestamp() - $1::float8 * interval '1 millisecond'
  ORDER BY began`

export async function listTransactions(queries: Queries, olderThanMs: number): Promise<OpenTransaction[]> {
  return await queries.query<OpenTransaction>(OPEN_TRANSACTIONS, [olderThanMs])
}
