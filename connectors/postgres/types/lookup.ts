import type { Queries } from '../connection.ts'
import type { Relation, RelationColumn } from '../pgoutput.ts'
import type { BaseType } from './codec.ts'

export interface TableTypes {
  /** For each column of the description: what it is made of in the end. */
  readonly baseTypes: readonly BaseType[]
  /** For each column: its type as SQL writes it. */
  readonly typeNames: readonly string[]
}

/**
 * From each column's type down to what it is made of: a domain is made of another type, an array of its elements, and
 * these again. The modifier of the outermost that has one holds for all below. `int2vector` and `oidvector` have
 * elements too, but are printed otherwise: a true array is the array type of its elements.
 */
const TYPES = `
  WITH RECURSIVE step(place, depth, oid, modifier, name) AS (
    SELECT place, 0, oid, modifier, format_type(oid, modifier)
    FROM unnest($1::oid[], $2::int[]) WITH ORDINALITY AS c(oid, modifier, place)
    UNION ALL
    SELECT s.place, s.depth + 1, CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.typelem END,
      CASE WHEN t.typtype = 'd' AND s.modifier < 0 THEN t.typtypmod ELSE s.modifier END, NULL
    FROM step s JOIN pg_type t ON t.oid = s.oid
    WHERE t.typtype = 'd' OR EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid)
  )
  SELECT s.place::int - 1 AS place, s.oid::int8::text AS oid, s.modifier, s.name,
    t.typtype = 'd' AS "isDomain", t.typndims AS dimensions, e.typdelim AS delimiter,
    (SELECT x.extname || '.' || t.typname FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid
     WHERE d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.objsubid = 0
       AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') AS extension
  FROM step s
  LEFT JOIN pg_type t ON t.oid = s.oid
  LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
  ORDER BY s.place, s.depth`

const COLUMNS = `
  SELECT attname::text AS name, atttypid::int8::text AS oid, attndims AS dimensions FROM pg_attribute
  WHERE attrelid = $1::oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum`

interface Step {
  readonly place: number
  readonly oid: string
  readonly modifier: number
  /** Of the column's own type, which is its first step. */
  readonly name: string | null
  /** Null where the catalog does not know the type any more. */
  readonly isDomain: boolean | null
  readonly dimensions: number | null
  readonly delimiter: string | null
  readonly extension: string | null
}

interface PresentColumn {
  readonly name: string
  readonly oid: string
  readonly dimensions: number
}

/**
 * What the columns of a table are made of. The catalog knows only the present, and of a type that was dropped nothing.
 *
 * @throws TributaryError SOURCE_UNREACHABLE and what else a query may fail with
 */
export async function lookUpTypes(queries: Queries, { id, columns }: Relation): Promise<TableTypes> {
  const steps = await queries.query<Step>(TYPES, [
    columns.map(column => column.typeOid),
    columns.map(column => column.typeModifier),
  ])
  const hasArrays = steps.some(({ name, delimiter }) => name !== null && delimiter !== null)
  const present = hasArrays ? await queries.query<PresentColumn>(COLUMNS, [id]) : []
  const byColumn = columns.map((_, index) => steps.filter(({ place }) => place === index))
  return {
    typeNames: byColumn.map(([first]) => first?.name ?? ''),
    baseTypes: byColumn.map((path, index) => baseTypeOf(path, declaredDimensions(columns, index, present))),
  }
}

/** By its name, or by its place if it was renamed since and nothing else has changed. */
function declaredDimensions(
  then: readonly RelationColumn[],
  index: number,
  present: readonly PresentColumn[],
): number {
  const isSame =
    then.length === present.length && present.every(({ oid }, place) => Number(oid) === then[place]?.typeOid)
  const column = isSame ? present[index] : present.find(({ name }) => name === then[index]?.name)
  return column?.dimensions ?? 1
}

/** `dimensions`: as the column, or the domain above, declares them. */
function baseTypeOf([step, ...below]: readonly Step[], dimensions: number): BaseType {
  if (!step) return { typeOid: 0, typeModifier: -1 }
  if (step.isDomain) return baseTypeOf(below, step.dimensions ?? 1)
  const type = { typeOid: Number(step.oid), typeModifier: step.modifier }
  if (step.delimiter !== null) {
    return { ...type, array: { element: baseTypeOf(below, 1), delimiter: step.delimiter, dimensions } }
  }
  return step.extension === null ? type : { ...type, extension: step.extension }
}
