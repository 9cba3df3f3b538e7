import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ColumnType } from '../../../../core/types.ts'
import { POSTGRES_SERVERS } from '../database.ts'
import { CASES, MADE_TYPES, type TypeCase } from './cases.ts'
import { told } from './oracle.ts'
import { type ToldRow, TypeScene, typeOf } from './scene.ts'

// Each type as it is, as a domain of a domain, and arrays of each; every value compared with what the server says of it.

/** Columns of a case: `c7`, `d7`, ... */
const columnsOf = ({ sql }: TypeCase, index: number): string[] => [
  `c${index} ${sql}`,
  `d${index} public.outer${index}`,
  `a${index} ${sql}[]`,
  `e${index} public.outer${index}[]`,
  `f${index} public.list${index}`,
]

const domainsOf = ({ sql }: TypeCase, index: number): string => `
  CREATE DOMAIN public.inner${index} AS ${sql}; CREATE DOMAIN public.outer${index} AS public.inner${index};
  CREATE DOMAIN public.list${index} AS ${sql}[]`

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`values of ${name}`, () => {
    let scene: TypeScene
    before(async () => {
      scene = await TypeScene.open((await start()).url, {
        setup: [MADE_TYPES, CASES.map(domainsOf).join(';')],
        columns: CASES.flatMap(columnsOf),
      })
    })
    after(() => scene.close())

    for (const [index, typeCase] of CASES.entries()) {
      it(`${typeCase.sql} is told as the server has it`, () => isTold(scene, typeCase, index))
    }

    it('null is null in every column', async () => {
      const [row] = await scene.commit(1, 'INSERT INTO public.t (id) VALUES (-1)')
      for (const message of [row?.avro, row?.json]) {
        const { id, ...others } = message?.event?.after ?? {}
        assert.equal(id, -1)
        assert.ok(Object.values(others).every(value => value === null))
        assert.deepEqual(message?.unavailable, [])
      }
    })
  })
}

let ids = 0

interface Insert {
  readonly id: number
  readonly column: string
  readonly isArray: boolean
  readonly isUnfit: boolean
}

async function isTold(scene: TypeScene, typeCase: TypeCase, index: number): Promise<void> {
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
