import type { Queries } from './connection.ts'
import type { Relation, RelationColumn } from './pgoutput.ts'
import { lookUpTypes, type TableTypes } from './types/lookup.ts'

/** What the catalog adds to a table's description in the log. It tells the present, the log may tell the past. */
export interface CatalogTable extends TableTypes {
  /** Dropped since: nothing but types can be told. */
  readonly isGone?: boolean
  readonly primaryKey: PrimaryKey | null
  /**
   * The description says FULL, but some partitions are not: FULL does not pass from a table to its partitions, and of their
   * old rows only the key is logged, with nulls for the rest.
   */
  readonly hasPartialOldRows: boolean
}

export interface PrimaryKey {
  /**
   * Its columns in the order of the key, under the names that the description has; null when it cannot be told which of
   * the columns described they are.
   */
  readonly columns: readonly string[] | null
  readonly isDeferrable: boolean
}

/** One row for a table that exists. `place`: in its key, from 1. */
const COLUMNS = `
  SELECT i.indrelid IS NOT NULL AS "hasKey", NOT coalesce(i.indimmediate, true) AS "isDeferrable",
    coalesce(json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8, 'isGenerated', a.attgenerated <> '',
      'place', array_position(i.indkey[:i.indnkeyatts - 1], a.attnum)) ORDER BY a.attnum)
      FILTER (WHERE a.attnum IS NOT NULL), '[]') AS columns
  FROM pg_class c
  LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE c.oid = $1::oid
  GROUP BY i.indrelid, i.indimmediate`

interface TableRow {
  hasKey: boolean
  isDeferrable: boolean
  /** Those that the table has now, in its order. */
  columns: ColumnNow[]
}

interface ColumnNow {
  name: string
  type: number
  isGenerated: boolean
  place: number | null
}

const PARTIAL_OLD_ROWS = `
  SELECT FROM pg_partition_tree($1::oid::regclass) t JOIN pg_class c ON c.oid = t.relid
  WHERE t.isleaf AND c.relreplident <> 'f' LIMIT 1`

/** @throws TributaryError SOURCE_UNREACHABLE and what else a query may fail with */
export async function lookUpTable(queries: Queries, relation: Relation): Promise<CatalogTable> {
  const [table] = await queries.query<TableRow>(COLUMNS, [relation.id])
  const partial = relation.identity === 'full' ? await queries.query(PARTIAL_OLD_ROWS, [relation.id]) : []
  return {
    ...(await lookUpTypes(queries, relation)),
    isGone: table === undefined,
    primaryKey: table?.hasKey
      ? { columns: keyThen(table, relation), isDeferrable: table.isDeferrable }
      : null,
    hasPartialOldRows: partial.length > 0,
  }
}

/**
 * The key's columns under the names that they had when the rows were written. If one is unknown to the description, it may have
 * been renamed since: without this, old log would be read without a key, or with its columns in another order. Renaming
 * leaves columns in their order, so those that are unknown now are those that the log marks as the key under other names,
 * if as many are left and of the same types; where it marks none or all, the whole tables must be alike. Null if there is
 * no telling.
 */
function keyThen({ columns }: TableRow, { identity, columns: then }: Relation): string[] | null {
  const key = columns.filter(({ place }) => place !== null)
  const names = (known: readonly ColumnNow[], old: readonly RelationColumn[]) =>
    key
      .toSorted((a, b) => Number(a.place) - Number(b.place))
      .map(column => old[known.indexOf(column)]?.name ?? column.name)
  const renamed = key.filter(({ name }) => !then.some(column => column.name === name))
  if (renamed.length === 0) return names([], [])
  const left = then.filter(({ name, isIdentity }) => isIdentity && !key.some(column => column.name === name))
  if (identity === 'default' && isAlike(renamed, left)) return names(renamed, left)
  // Whether generated columns are described is up to the publication.
  const same = [columns, columns.filter(({ isGenerated }) => !isGenerated)].find(now => isAlike(now, then))
  return same ? names(same, then) : null
}

const isAlike = (now: readonly ColumnNow[], then: readonly RelationColumn[]): boolean =>
  now.length === then.length && now.every(({ type }, index) => type === then[index]?.typeOid)
