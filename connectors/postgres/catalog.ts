import type { Queries } from './connection.ts'
import type { Relation } from './pgoutput.ts'

export interface BaseType {
  readonly typeOid: number
  readonly typeModifier: number
}

/** What the catalog adds to a table's description in the log. It tells the present, the log may tell the past. */
export interface CatalogTable {
  readonly primaryKey: { readonly columns: readonly string[]; readonly isDeferrable: boolean } | null
  /** For each column of the description: its type, and for a domain what it is made of in the end. */
  readonly baseTypes: readonly BaseType[]
  /** For each column: its type as SQL writes it. */
  readonly typeNames: readonly string[]
}

const PRIMARY_KEY = `
  SELECT array_agg(a.attname::text ORDER BY k.place) AS columns, NOT i.indimmediate AS "isDeferrable"
  FROM pg_index i
  CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k(attnum, place)
  JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
  WHERE i.indrelid = $1::oid AND i.indisprimary AND k.place <= i.indnkeyatts
  GROUP BY i.indimmediate`

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
  const [primaryKey] = await queries.query<{ columns: string[]; isDeferrable: boolean }>(PRIMARY_KEY, [
    relation.id,
  ])
  const types = await queries.query<{ oid: string; modifier: number; name: string }>(TYPES, [
    relation.columns.map(column => column.typeOid),
    relation.columns.map(column => column.typeModifier),
  ])
  return {
    primaryKey: primaryKey ?? null,
    baseTypes: types.map(({ oid, modifier }) => ({ typeOid: Number(oid), typeModifier: modifier })),
    typeNames: types.map(type => type.name),
  }
}
