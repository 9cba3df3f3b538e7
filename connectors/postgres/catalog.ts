import type { Queries } from './connection.ts'
import type { Relation, RelationColumn } from './pgoutput.ts'

export interface BaseType {
  readonly typeOid: number
  readonly typeModifier: number
}

/** What the catalog adds to a table's description in the log. It tells the present, the log may tell the past. */
export interface CatalogTable {
  /** Its columns in the order of the key, under the names that the description has. */
  readonly primaryKey: { readonly columns: readonly string[]; readonly isDeferrable: boolean } | null
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

const PRIMARY_KEY = `
  WITH present AS (
    SELECT attnum, atttypid, row_number() OVER (ORDER BY attnum)::int - 1 AS index FROM pg_attribute
    WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
  )
  SELECT array_agg(a.attname::text ORDER BY k.place) AS columns, NOT i.indimmediate AS "isDeferrable",
    array_agg(p.index ORDER BY k.place) AS indexes,
    (SELECT array_agg(atttypid::int8::text ORDER BY attnum) FROM present) AS types
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  LEFT JOIN present p ON p.attnum = k.attnum
  WHERE i.indrelid = $1::oid AND i.indisprimary AND k.place <= i.indnkeyatts
  GROUP BY i.indimmediate`

const PARTIAL_OLD_ROWS = `
  SELECT FROM pg_partition_tree($1::oid::regclass) t JOIN pg_class c ON c.oid = t.relid
  WHERE t.isleaf AND c.relreplident <> 'f' LIMIT 1`

interface PrimaryKeyRow {
  columns: string[]
  isDeferrable: boolean
  /** Their places among the columns that the table has now, and the types of all of these. */
  indexes: (number | null)[]
  types: string[]
}

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
  const [primaryKey] = await queries.query<PrimaryKeyRow>(PRIMARY_KEY, [relation.id])
  const partial = relation.identity === 'full' ? await queries.query(PARTIAL_OLD_ROWS, [relation.id]) : []
  const types = await queries.query<{ oid: string; modifier: number; name: string }>(TYPES, [
    relation.columns.map(column => column.typeOid),
    relation.columns.map(column => column.typeModifier),
  ])
  return {
    primaryKey: primaryKey ? { ...primaryKey, columns: namesThen(primaryKey, relation.columns) } : null,
    hasPartialOldRows: partial.length > 0,
    baseTypes: types.map(({ oid, modifier }) => ({ typeOid: Number(oid), typeModifier: modifier })),
    typeNames: types.map(type => type.name),
  }
}

/**
 * The names of the key's columns when the rows were written. If one is unknown to the description, and the columns of now
 * have the same types in the same order, then it has been renamed since: without this, old log would be read without a key.
 */
function namesThen({ columns, indexes, types }: PrimaryKeyRow, then: readonly RelationColumn[]): string[] {
  const isKnown = columns.every(name => then.some(column => column.name === name))
  const isSame =
    types.length === then.length && types.every((oid, index) => Number(oid) === then[index]?.typeOid)
  if (isKnown || !isSame) return columns
  return columns.map((name, place) => then[indexes[place] ?? -1]?.name ?? name)
}
