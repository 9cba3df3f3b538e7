import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ColumnType, Table } from '../../../../core/types.ts'
import { POSTGRES_SERVERS } from '../database.ts'
import { type ToldRow, TypeScene, tell, typeOf } from './scene.ts'

const INTS: ColumnType = { kind: 'array', items: { kind: 'int' } }
const TEXT: ColumnType = { kind: 'string' }

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`arrays of ${name}`, () => {
    let scene: TypeScene
    before(async () => {
      const setup = [
        'CREATE DOMAIN public.row_of AS int[]; CREATE DOMAIN public.grid AS int[][]; CREATE DOMAIN public.grid2 AS public.grid',
        'CREATE TABLE public.keyed (tags text[], id int[][], v int[], PRIMARY KEY (tags, id))',
        'CREATE TABLE public.large (id int PRIMARY KEY, v int, a int[], b bit(99999), p polygon, u uuid, t text[][])',
        'ALTER TABLE public.large ALTER a SET STORAGE EXTERNAL, ALTER b SET STORAGE EXTERNAL, ALTER p SET STORAGE EXTERNAL, ALTER t SET STORAGE EXTERNAL',
        'CREATE TABLE public.entire (id int PRIMARY KEY, v int, a int[], n numeric(9,2))',
        'ALTER TABLE public.entire REPLICA IDENTITY FULL; ALTER TABLE public.entire ALTER a SET STORAGE EXTERNAL',
      ]
      const columns = [
        'a int[]',
        'b int[][]',
        'c public.row_of[]',
        'd public.grid2',
        'e text[]',
        'f int ARRAY[4]',
      ]
      scene = await TypeScene.open((await start()).url, { setup, columns })
    })
    after(() => scene.close())

    shapes(() => scene)
    keysAndImages(() => scene)
  })
}

let ids = 0

/** What becomes of one value, which stands in one column. */
async function tellOne(scene: TypeScene, column: string, literal: string): Promise<ToldRow> {
  const [row] = await scene.commit(1, `INSERT INTO public.t (id, ${column}) VALUES (${++ids}, ${literal})`)
  return row as ToldRow
}

function shapes(scene: () => TypeScene): void {
  it('of one dimension stay arrays whatever other values their column held', async () => {
    for (const literal of ["'{{1,2},{3,4}}'", "'[2:3]={5,6}'", "'[0:0][1:2]={{1,NULL}}'"]) {
      const { table, avro, json } = await tellOne(scene(), 'a', literal)
      assert.deepEqual(typeOf(table, 'a'), INTS)
      for (const message of [avro, json]) {
        assert.equal(message.event?.after?.a, null)
        assert.deepEqual(message.unavailable, ['a'])
        assert.deepEqual(message.unavailableTexts, { a: literal.slice(1, -1) })
      }
      const next = await tellOne(scene(), 'a', "'{7,NULL}'")
      assert.equal(next.table, table)
      assert.deepEqual(next.avro.event?.after?.a, [7, null])
      assert.deepEqual(next.avro.unavailable, [])
    }
  })

  it('that are declared with more dimensions are text, also by a domain', async () => {
    for (const column of ['b', 'd']) {
      for (const text of ['{{1,2},{NULL,4}}', '{1,2}', '{}', '[0:1]={1,2}']) {
        const { table, avro, json } = await tellOne(scene(), column, `'${text}'`)
        assert.deepEqual(typeOf(table, column), TEXT)
        assert.equal(avro.event?.after?.[column], text)
        assert.equal(json.event?.after?.[column], text)
      }
    }
  })

  it('of a domain of arrays are arrays of arrays', async () => {
    const { table, avro, json } = await tellOne(
      scene(),
      'c',
      `ARRAY['{1,2}', '{}', NULL, '{NULL}']::public.row_of[]`,
    )
    assert.deepEqual(typeOf(table, 'c'), { kind: 'array', items: INTS })
    for (const message of [avro, json]) assert.deepEqual(message.event?.after?.c, [[1, 2], [], null, [null]])
    const odd = await tellOne(scene(), 'c', `ARRAY['{1,2}', '{{3}}']::public.row_of[]`)
    assert.equal(odd.avro.event?.after?.c, null)
    assert.deepEqual(odd.avro.unavailableTexts, { c: '{"{1,2}","{{3}}"}' })
  })

  it('with a declared length are arrays of any length', async () => {
    const { avro } = await tellOne(scene(), 'f', "'{1,2,3,4,5}'")
    assert.deepEqual(avro.event?.after?.f, [1, 2, 3, 4, 5])
  })

  it('of texts tell nulls, empty texts and the text NULL apart', async () => {
    const { avro, json } = await tellOne(scene(), 'e', `'{NULL,"NULL","",null," ","{","\\"\\\\",é}'`)
    const expected = [null, 'NULL', '', null, ' ', '{', '"\\', 'é']
    assert.deepEqual(avro.event?.after?.e, expected)
    assert.deepEqual(json.event?.after?.e, expected)
  })

  it('of many elements are whole', async () => {
    const { avro } = await tellOne(
      scene(),
      'e',
      `(SELECT array_agg('"' || n) FROM generate_series(1, 200000) n)`,
    )
    const told = avro.event?.after?.e as readonly string[]
    assert.equal(told.length, 200_000)
    assert.ok(told.every((text, index) => text === `"${index + 1}`))
  })

  it('keep their type when their column is renamed, in rows from before and after', async () => {
    const { table } = await tellOne(scene(), 'b', "'{{1}}'")
    await scene().database.commit('ALTER TABLE public.t RENAME b TO b2')
    const [row] = await scene().commit(1, `INSERT INTO public.t (id, b2) VALUES (${++ids}, '{{1}}')`)
    assert.deepEqual(typeOf(table, 'b'), TEXT)
    assert.deepEqual(typeOf(row?.table as Table, 'b2'), TEXT)
    await scene().database.commit('ALTER TABLE public.t RENAME b2 TO b')
  })
}

function keysAndImages(scene: () => TypeScene): void {
  it('are text in a key, which can hold them all', async () => {
    const [one, two] = await scene().commit(
      2,
      `INSERT INTO public.keyed VALUES ('{a,"b c"}', '{1,2}', '{1}'), ('{{a},{b}}', '{{1},{2}}', '{2}')`,
    )
    assert.deepEqual(one?.avro.key, { tags: '{a,"b c"}', id: '{1,2}' })
    assert.deepEqual(two?.json.key, { tags: '{{a},{b}}', id: '{{1},{2}}' })
    assert.deepEqual(one?.avro.event?.after, { tags: '{a,"b c"}', id: '{1,2}', v: [1] })
  })

  it('and other kinds that the server does not send again are null, and named', async () => {
    const polygon = `('(' || repeat('(1,2),', 2000) || '(3,4))')::polygon`
    await scene().commit(
      1,
      `INSERT INTO public.large VALUES (1, 1, (SELECT array_agg(n) FROM generate_series(1, 3000) n), B'1'::bit(99999), ${polygon},
       '00000000-0000-0000-0000-000000000001', (SELECT array_agg(ARRAY[n::text]) FROM generate_series(1, 3000) n))`,
    )
    const [row] = await scene().commit(1, 'UPDATE public.large SET v = 2')
    for (const message of [row?.avro, row?.json]) {
      assert.deepEqual(message?.unavailable, ['a', 'b', 'p', 't'])
      assert.deepEqual(message?.unavailableTexts, {})
      const { a, b, p, t } = message?.event?.after ?? {}
      assert.deepEqual([a, b, p, t], [null, null, null, '__debezium_unavailable_value'])
    }
  })

  it('come from the row before where it has them, in whatever form', async () => {
    const large = `(SELECT array_agg(n) FROM generate_series(1, 3000) n)`
    await scene().commit(
      2,
      `INSERT INTO public.entire VALUES (1, 1, ${large}, 'NaN'), (2, 1, ARRAY[${large}, ${large}], 'NaN')`,
    )
    const [fit, unfit] = await scene().commit(2, 'UPDATE public.entire SET v = 2')
    assert.deepEqual(
      fit?.avro.event?.after?.a,
      Array.from({ length: 3000 }, (_, index) => index + 1),
    )
    assert.deepEqual(fit?.avro.unavailableTexts, { n: 'NaN' })
    assert.deepEqual(fit?.avro.unavailableBeforeTexts, { n: 'NaN' })
    const text = await scene().ask('SELECT a::text FROM public.entire WHERE id = 2')
    for (const message of [unfit?.avro, unfit?.json]) {
      assert.deepEqual(message?.unavailable, ['a', 'n'])
      assert.deepEqual(message?.unavailableTexts, { a: text, n: 'NaN' })
      assert.deepEqual(message?.unavailableBeforeTexts, { a: text, n: 'NaN' })
    }
    const [deleted] = await scene().commit(1, 'DELETE FROM public.entire WHERE id = 2')
    assert.deepEqual(deleted?.avro.unavailableTexts, { a: text, n: 'NaN' })
  })

  it('are told as before when the log is read again', async () => {
    const events = scene().reader.events.filter(({ table }) => table.name === 'entire')
    const [again] = await tell(events.slice(0, 1))
    assert.deepEqual(typeOf(again?.table as Table, 'a'), INTS)
  })
}
