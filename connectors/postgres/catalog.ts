import type { Queries } from './connection.ts'
import type { Relation, RelationColumn } from './pgoutput.ts'

export interface BaseType {
  readonly typeOid: number
  readonly typeModifier: number
}

/** What the catalog adds to a table's description in the log. It tells the present, the log may tell the past. */
export interface CatalogTable {
  /** Dropped since: nothing but types can be told. */
  readonly isGone?: boolean
  readonly primaryKey: PrimaryKey | null
  /**
   * The description says FULL, but some partitions are not: FULL does not pass from a table to its partitions, and of their
   * old rows only the key is logged, with nulls for the rest.
   */
  readonly hasPartialOldRows: boolean
  /** For each column of the description: its type, and for a domain what it is made of in the end. */
  readonly baseTypes: readonly BaseType[]
  /** For each column: its type as SQL writes it. */
  readonly typeNames: readonly string[]
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

/** Domains may be made of domains. The modifier of the innermost one that has any stands in the outermost. */
const TYPES = `
  WITH RECURSIVE step(place, oid, modifier) AS (
    SELECT place, oid, modifier FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS c(oid, modifier, place)
    UNION ALL
    SELECT s.place, t.typbasetype, CASE WHEN s.modifier >= 0 THEN s.modifier ELSE t.typtypmod END
    FROM step s JOIN pg_type t ON t.oid = s.oid AND t.typtype = 'd'
  )
  SELECT s.oid::int8::text AS oid, s.modifier, format_type(c.oid, c.modifier) AS name
  FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS c(oid, modifier, place)
  JOIN step s ON s.place = c.place
  LEFT JOIN pg_type t ON t.oid = s.oid
  WHERE t.typtype IS DISTINCT FROM 'd'
  ORDER BY c.place`

/** @throws TributaryError SOURCE_UNREACHABLE and what else a query may fail with */
export async function lookUpTable(queries: Queries, relation: Relation): Promise<CatalogTable> {
  const [table] = await queries.query<TableRow>(COLUMNS, [relation.id])
  const partial = relation.identity === 'full' ? await queries.query(PARTIAL_OLD_ROWS, [relation.id]) : []
  const types = await queries.query<{ oid: string; modifier: number; name: string }>(TYPES, [
    relation.columns.map(column => column.typeOid),
    relation.columns.map(column => column.typeModifier),
  ])
  return {
    isGone: table === undefined,
    primaryKey: table?.hasKey
      ? { columns: keyThen(table, relation.columns), isDeferrable: table.isDeferrable }
      : null,
    hasPartialOldRows: partial.length > 0,
    baseTypes: types.map(({ oid, modifier }) => ({ typeOid: Number(oid), typeModifier: modifier })),
    typeNames: types.map(type => type.name),
  }
}

/**
 * The key's columns under the names that they had when the rows were written. If one is unknown to the description, and the
 * columns of now have the same types in the same order, then it has been renamed since: without this, old log would be
 * read without a key. Null if there is no telling.
 */
function keyThen({ columns }: TableRow, then: readonly RelationColumn[]): string[] | null {
  const key = columns.filter(({ place }) => place !== null).sort((a, b) => Number(a.place) - Number(b.place))
  if (key.every(({ name }) => then.some(column => column.name === name))) return key.map(({ name }) => name)
  // Whether generated columns are described is up to the publication.
  const same = [columns, columns.filter(({ isGenerated }) => !isGenerated)].find(
    now => now.length === then.length && now.every(({ type }, index) => type === then[index]?.typeOid),
  )
  return same ? key.map(column => (then[same.indexOf(column)] as RelationColumn).name) : null
}
