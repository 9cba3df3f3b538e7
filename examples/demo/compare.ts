import type pg from 'pg'
import { TABLES } from './shop.ts'

export interface Comparison {
  readonly table: string
  readonly inDatabase: number
  readonly fromTopics: number
  readonly different: number
}

/** Casts what was built from the topics into the tables' own row types, and looks for rows that only one side has. */
export async function compareTables(database: pg.Client, view: pg.Client): Promise<Comparison[]> {
  const comparisons: Comparison[] = []
  for (const table of TABLES) {
    const built = await view.query<{ value: Row }>(
      'select value from rows where topic = $1 and value is not null',
      [`shop.public.${table}`],
    )
    const { rows } = await database.query<{ here: string; different: string }>(
      `with built as (select r::text from jsonb_populate_recordset(null::${table}, $1::jsonb) r),
            here as (select t::text from ${table} t)
       select (select count(*) from here) as here,
              (select count(*) from ((table built except table here) union all (table here except table built)) d)
                as different`,
      [JSON.stringify(built.rows.map(({ value }) => withParsedJson(value)))],
    )
    comparisons.push({
      table,
      inDatabase: Number(rows[0]?.here),
      fromTopics: built.rows.length,
      different: Number(rows[0]?.different),
    })
  }
  return comparisons
}

type Row = Readonly<Record<string, unknown>>

/** A json column comes as the server's text, so that no digit of it changes on the way. */
function withParsedJson(row: Row): Row {
  return typeof row.details === 'string' ? { ...row, details: JSON.parse(row.details) as unknown } : row
}
