import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { POSTGRES_SERVERS } from '../database.ts'
import { type ToldRow, TypeScene } from './scene.ts'

// Random values that the server is given in a way of its own (as JSON), prints in its form, and that must come back the
// same: what the property tests of each parser take for the server's way to print is nothing but our reading of its manual.

const COUNT = 150
const SEED = Math.trunc(Math.random() * 2 ** 31)

const anyText = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', '"', '\\', '{', '}', ',', ' ', 'é', '🎉', '\n', 'NULL', "'", '=>'),
  }),
  fc.string({ unit: 'grapheme' }).map(text => text.replaceAll('\0', '')),
)
const anyTexts = fc.array(fc.option(anyText), { maxLength: 8 })
// No key ends in a backslash: after `{"k\\\\": 1}`, the JSON.parse of V8 13.6 takes `{"k\\n": 1}` for the same.
const anyEntries = fc.dictionary(
  anyText.map(text => `k${text}.`),
  fc.option(anyText),
)
// JSON knows no -0.
const anyCoordinate = fc.double({ noNaN: true, noDefaultInfinity: true }).map(value => value + 0)
const anyPart = fc.integer({ min: -50_000, max: 50_000 })

const anyRow = fc.record({
  texts: anyTexts,
  lists: fc.array(fc.option(anyTexts), { maxLength: 4 }),
  map: anyEntries,
  bits: fc.array(fc.boolean(), { minLength: 37, maxLength: 37 }).map(bits => bits.map(Number).join('')),
  point: fc.tuple(anyCoordinate, anyCoordinate),
  span: fc.tuple(anyPart, anyPart, anyPart, fc.integer({ min: -999_999_999, max: 999_999_999 })),
})
type RandomRow = typeof anyRow extends fc.Arbitrary<infer Row> ? Row : never

const COLUMNS = [
  'texts text[]',
  'lists public.list[]',
  'map public.hstore',
  'bits bit(37)',
  'point point',
  'span interval',
]

const INSERT = `
  INSERT INTO public.t
  SELECT n, (SELECT coalesce(array_agg(e ORDER BY i), '{}') FROM jsonb_array_elements_text(r->'texts') WITH ORDINALITY x(e, i)),
    (SELECT coalesce('{' || string_agg(CASE WHEN jsonb_typeof(l) = 'array' THEN
         '"' || regexp_replace(ARRAY(SELECT e FROM jsonb_array_elements_text(l) WITH ORDINALITY x(e, i) ORDER BY i)::text,
           '(["\\\\])', '\\\\\\1', 'g') || '"' ELSE 'NULL' END, ',' ORDER BY j) || '}', '{}')
     FROM jsonb_array_elements(r->'lists') WITH ORDINALITY y(l, j))::public.list[],
    (SELECT coalesce(public.hstore(array_agg(key), array_agg(value)), '') FROM jsonb_each_text(r->'map')),
    (r->>'bits')::bit(37), point((r->'point'->>0)::float8, (r->'point'->>1)::float8),
    make_interval(months => (r->'span'->>0)::int, days => (r->'span'->>1)::int)
      + (r->'span'->>2)::int * interval '1 hour' + (r->'span'->>3)::int * interval '1 microsecond'
  FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS v(r, n)`

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`random values of ${name}`, () => {
    let scene: TypeScene
    before(async () => {
      const setup = ['CREATE EXTENSION hstore SCHEMA public', 'CREATE DOMAIN public.list AS text[]']
      scene = await TypeScene.open((await start()).url, { setup, columns: COLUMNS })
    })
    after(() => scene.close())

    it('come back as they were given', async () => {
      const rows = fc.sample(anyRow, { numRuns: COUNT, seed: SEED })
      await scene.database.query(INSERT, [JSON.stringify(rows)])
      const events = await scene.commit(COUNT)
      for (const [index, row] of rows.entries())
        isTold(events[index] as ToldRow, row, `seed ${SEED}, row ${index}`)
    })

    it('of intervals are the same interval when they are read as ISO 8601', async () => {
      const rows = await scene.database.query<{ id: number; span: string }>('SELECT id FROM public.t')
      const told = scene.reader.events.map(({ after: row }) => ({ id: row?.[0], text: row?.[6] }))
      for (const { text } of told) {
        assert.match(
          String(text),
          /^P(?=.)(-?\d+Y)?(-?\d+M)?(-?\d+D)?(T(?=.)(-?\d+H)?(-?\d+M)?(-?\d+(\.\d{1,6})?S)?)?$/,
        )
      }
      const [found] = await scene.database.query<{ same: string }>(
        `SELECT count(*) AS same FROM jsonb_to_recordset($1) AS x(id int, text text) JOIN public.t USING (id)
         WHERE span = x.text::interval AND extract(month FROM span) = extract(month FROM x.text::interval)
           AND extract(day FROM span) = extract(day FROM x.text::interval)`,
        [JSON.stringify(told)],
      )
      assert.equal(Number(found?.same), rows.length)
    })
  })
}

function isTold({ avro, json }: ToldRow, { texts, lists, map, bits, point }: RandomRow, where: string): void {
  const value = BigInt(`0b${bits}`).toString(16).padStart(10, '0')
  for (const row of [avro.event?.after, json.event?.after]) {
    assert.deepEqual(row?.texts, texts, where)
    assert.deepEqual(row?.lists, lists, where)
    assert.deepEqual(row?.map, { ...map }, where)
    const bytes = (field: unknown) => (Buffer.isBuffer(field) ? field : Buffer.from(String(field), 'base64'))
    assert.equal(bytes(row?.bits).toString('hex'), value, where)
    assert.deepEqual([bytes(row?.point).readDoubleLE(5), bytes(row?.point).readDoubleLE(13)], point, where)
  }
}
