import type { Queries } from './connection.ts'
import { quoteName, quoteTable } from './names.ts'
import type { ReplicaIdentity } from './pgoutput.ts'
import type { TableFilter, TableId } from './table-filter.ts'

export interface Publication {
  readonly isForAllTables: boolean
  /** Of insert, update, delete, truncate: those it leaves out. */
  readonly unpublished: readonly string[]
  readonly viaPartitionRoot: boolean
  /** Stored generated columns come, too. Always false before version 18. */
  readonly publishesGenerated: boolean
  readonly tables: readonly PublishedTable[]
}

export interface PublishedTable {
  readonly schema: string
  readonly name: string
  /** Only some rows, or some columns, are published. */
  readonly isPartial: boolean
}

const PUBLICATION = `
  SELECT puballtables AS "isForAllTables", pubviaroot AS "viaPartitionRoot",
    coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false) AS "publishesGenerated",
    array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,
      CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END], NULL) AS unpublished
  FROM pg_publication p WHERE pubname = $1`

/**
 * From Postgres 15 on, a publication may leave out rows and columns. Without a list, the columns of the view are those
 * of the table.
 */
const PUBLISHED_TABLES = `
  SELECT p.schemaname::text AS schema, p.tablename::text AS name,
    to_jsonb(p) ->> 'rowfilter' IS NOT NULL
      OR jsonb_array_length(to_jsonb(p) -> 'attnames') < (
        SELECT count(*) FROM pg_attribute a
        WHERE a.attrelid = format('%I.%I', p.schemaname, p.tablename)::regclass
          AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      ) IS TRUE AS "isPartial"
  FROM pg_publication_tables p WHERE p.pubname = $1`

export async function readPublication(queries: Queries, name: string): Promise<Publication | null> {
  const [publication] = await queries.query<Omit<Publication, 'tables'>>(PUBLICATION, [name])
  if (!publication) return null
  return { ...publication, tables: await queries.query<PublishedTable>(PUBLISHED_TABLES, [name]) }
}

/** From here on, stored generated columns can be published. */
export const GENERATED_VERSION = 180_000

/** A table that could be published. */
export interface Candidate {
  readonly schema: string
  readonly name: string
  readonly identity: ReplicaIdentity
  readonly isUnlogged: boolean
  readonly isPartitioned: boolean
  /** The user may add it to a publication. */
  readonly isOwned: boolean
  /** Columns of the primary key, in its order; empty: it has none. */
  readonly primaryKey: readonly string[]
  readonly isKeyDeferrable: boolean
  /** Columns by which the server identifies old rows under DEFAULT and USING INDEX. */
  readonly identityColumns: readonly string[]
  readonly columns: readonly string[]
  readonly generated: readonly { readonly name: string; readonly isStored: boolean }[]
  /** Its partitions whose replica identity is another than its own. */
  readonly otherwiseIdentified: readonly TableId[]
}

/** Partitions are left out: their rows are published under the name of the table they are part of. */
const CANDIDATES = `
  SELECT n.nspname::text AS schema, c.relname::text AS name, c.relpersistence = 'u' AS "isUnlogged",
    c.relkind = 'p' AS "isPartitioned",
    pg_has_role(c.relowner, 'USAGE') AS "isOwned",
    CASE c.relreplident WHEN 'd' THEN 'default' WHEN 'n' THEN 'nothing' WHEN 'f' THEN 'full' ELSE 'index' END AS identity,
    coalesce(pk.columns, '{}') AS "primaryKey", coalesce(pk.deferrable, false) AS "isKeyDeferrable",
    coalesce(ri.columns, '{}') AS "identityColumns",
    ARRAY(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
    (SELECT coalesce(json_agg(json_build_object('name', a.attname, 'isStored', a.attgenerated = 's') ORDER BY a.attnum), '[]')
     FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> '') AS generated,
    (SELECT coalesce(json_agg(json_build_object('schema', pn.nspname, 'name', pc.relname) ORDER BY 1), '[]')
     FROM pg_partition_tree(c.oid) t JOIN pg_class pc ON pc.oid = t.relid JOIN pg_namespace pn ON pn.oid = pc.relnamespace
     WHERE t.isleaf AND c.relkind = 'p' AND pc.relreplident <> c.relreplident) AS "otherwiseIdentified"
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN LATERAL (
    SELECT i.indexrelid, NOT i.indimmediate AS deferrable, ARRAY(
      SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
    FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) pk ON true
  LEFT JOIN LATERAL (
    SELECT ARRAY(
      SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
      WHERE k.place <= i.indnkeyatts ORDER BY k.place) AS columns
    FROM pg_index i
    WHERE i.indrelid = c.oid AND i.indimmediate
      AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END) ri ON true
  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND NOT c.relispartition
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp)'
  ORDER BY 1, 2`

/** Every table of the database that a publication could hold. */
export async function listCandidates(queries: Queries): Promise<Candidate[]> {
  return await queries.query<Candidate>(CANDIDATES)
}

/** What has no changes of its own in the log. */
export interface OtherRelation extends TableId {
  /** Goes on after "is". */
  readonly kind: 'a foreign table' | 'a view' | 'a temporary table' | 'a partition'
}

/** Foreign tables, which a wildcard may match, and whatever else has one of these names. */
const OTHERS = `
  SELECT n.nspname::text AS schema, c.relname::text AS name,
    CASE WHEN c.relkind = 'f' THEN 'a foreign table' WHEN c.relkind IN ('v', 'm') THEN 'a view'
      WHEN c.relpersistence = 't' THEN 'a temporary table' ELSE 'a partition' END AS kind
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (c.relkind = 'f' AND NOT c.relispartition)
    OR (n.nspname || '.' || c.relname = ANY($1)
      AND (c.relkind IN ('v', 'm', 'f') OR c.relpersistence = 't' OR c.relispartition))
  ORDER BY 1, 2`

export async function listOthers(queries: Queries, names: readonly string[]): Promise<OtherRelation[]> {
  return await queries.query<OtherRelation>(OTHERS, [names])
}

/**
 * The statement that makes the publication: for all tables, those to come included, if all are wanted and the user may
 * (only a superuser may), else for the tables that are wanted now.
 *
 * Rows of partitions go under the name of the table they are part of; else they would come under names that no glob for
 * that table matches.
 */
export function createPublicationSql(
  name: string,
  filter: TableFilter,
  context: { candidates: readonly Candidate[]; isSuperuser: boolean; versionNumber: number },
): string {
  const generated = context.versionNumber >= GENERATED_VERSION ? ', publish_generated_columns = stored' : ''
  const options = `WITH (publish_via_partition_root = true${generated})`
  if (filter.isAll && context.isSuperuser)
    return `CREATE PUBLICATION ${quoteName(name)} FOR ALL TABLES ${options}`
  const tables = context.candidates
    .filter(table => filter.captures(table) && !table.isUnlogged)
    .map(quoteTable)
  const list = tables.length > 0 ? ` FOR TABLE ${tables.join(', ')}` : ''
  return `CREATE PUBLICATION ${quoteName(name)}${list} ${options}`
}
