import assert from 'node:assert/strict'
import type { ColumnType } from '../../../../core/types.ts'
import type { TypeCase } from './cases.ts'
import { told } from './oracle.ts'
import { type ToldRow, type TypeScene, typeOf } from './scene.ts'

/** Columns of a case: the type as it is, a domain of a domain of it, arrays of each, and a domain of arrays. */
export const columnsOf = ({ sql }: TypeCase, index: number): string[] => [
  `c${index} ${sql}`,
  `d${index} public.outer${index}`,
  `a${index} ${sql}[]`,
  `e${index} public.outer${index}[]`,
  `f${index} public.list${index}`,
]

export const domainsOf = ({ sql }: TypeCase, index: number): string => `
  CREATE DOMAIN public.inner${index} AS ${sql}; CREATE DOMAIN public.outer${index} AS public.inner${index};
  CREATE DOMAIN public.list${index} AS ${sql}[]`

let ids = 0

interface Insert {
  readonly id: number
  readonly column: string
  readonly isArray: boolean
  readonly isUnfit: boolean
}

/** Every value of the case in all of its columns is told as the server has it. */
export async function isTold(scene: TypeScene, typeCase: TypeCase, index: number): Promise<void> {
  const { sql, values, unfit, type } = typeCase
  const inserts: (Insert & { literal: string })[] = []
  const add = (column: string, literal: string, isUnfit: boolean) =>
    inserts.push({
      id: ++ids,
      column: `${column}${index}`,
      literal,
      isArray: 'aef'.includes(column),
      isUnfit,
    })
  for (const literal of [...values, ...unfit]) {
    for (const column of 'cd') add(column, literal, unfit.includes(literal))
  }
  const elements = values.map(literal => `(${literal})::${sql}`)
  for (const column of 'aef') {
    add(column, `ARRAY[${[...elements, 'NULL'].join(', ')}]::${sql}[]`, false)
    add(column, "'{}'", false)
    if (unfit.length > 0) add(column, `ARRAY[${[...elements, ...unfit].join(', ')}]::${sql}[]`, true)
  }
  const rows = await scene.commit(
    inserts.length,
    inserts
      .map(({ id, column, literal }) => `INSERT INTO public.t (id, ${column}) VALUES (${id}, ${literal})`)
      .join(';'),
  )
  for (const [place, insert] of inserts.entries()) {
    const row = rows[place] as ToldRow
    const expectedType: ColumnType = insert.isArray ? { kind: 'array', items: type } : type
    assert.deepEqual(typeOf(row.table, insert.column), expectedType, insert.column)
    await isToldAs(scene, {
      row,
      insert,
      typeCase,
      where: `${insert.column} ${sql} ${insert.literal.slice(0, 200)}`,
    })
  }
}

interface Told {
  readonly row: ToldRow
  readonly insert: Insert
  readonly typeCase: TypeCase
  readonly where: string
}

async function isToldAs(scene: TypeScene, { row, insert, typeCase, where }: Told): Promise<void> {
  const { id, column, isArray, isUnfit } = insert
  const from = `FROM public.t WHERE id = ${id}`
  const oracle = isUnfit
    ? `SELECT ${column}::text ${from}`
    : isArray
      ? `SELECT (SELECT coalesce(jsonb_agg(${typeCase.oracle(`t.${column}[n]`)} ORDER BY n), '[]')
         FROM generate_series(1, cardinality(t.${column})) n) FROM public.t t WHERE id = ${id}`
      : `SELECT ${typeCase.oracle(column)} ${from}`
  const expected = await scene.ask(oracle)
  for (const [message, isJson] of [
    [row.avro, false],
    [row.json, true],
  ] as const) {
    const value = message.event?.after?.[column]
    if (isUnfit) {
      assert.equal(value, null, where)
      assert.deepEqual(message.unavailable, [column])
      assert.deepEqual(message.unavailableTexts, { [column]: expected }, where)
    } else {
      assert.notEqual(expected, null)
      assert.deepEqual(told(value, typeOf(row.table, column) as ColumnType, isJson), expected, where)
      assert.deepEqual(message.unavailable, [], where)
    }
  }
}
