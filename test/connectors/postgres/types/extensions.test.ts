import assert from 'node:assert/strict'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Client } from 'pg'
import type { ColumnType, Table } from '../../../../core/types.ts'
import { POSTGRES_SERVERS } from '../database.ts'
import { type TypeCase, typeCase } from './cases.ts'
import { columnsOf, domainsOf, isTold } from './check-case.ts'
import { TypeScene, typeOf } from './scene.ts'

const geometry = (srid: number | null): ColumnType => ({ kind: 'geometry', srid })
const ewkb = { oracle: (value: string) => `encode(public.ST_AsEWKB((${value})::public.geometry), 'hex')` }
const map = { oracle: (value: string) => `public.hstore_to_jsonb(${value})` }
const vector = {
  oracle: (value: string) => `(SELECT jsonb_agg(encode(float4send(x::float4), 'hex') ORDER BY i)
    FROM jsonb_array_elements_text((${value})::text::jsonb) WITH ORDINALITY AS e(x, i))`,
}

const VECTORS = ["'[1,2.5,-3e-05]'", "'[0]'", "'[65504,0.333251953125]'"]

/** Types that extensions bring, by the extension. */
const EXTENSIONS: Readonly<Record<string, readonly TypeCase[]>> = {
  hstore: [
    typeCase(
      'public.hstore',
      'map',
      [
        "''",
        `'a=>1, b=>NULL, c=>"NULL"'`,
        `'"" => "", "=>" => ", \\\\ \\" {}", "é🎉" => "\\\\"'`,
        `public.hstore('__proto__', 'x')`,
        `public.hstore(array_agg(n::text), array_agg(repeat('"', n))) FROM generate_series(1, 300) n`,
      ].map(literal => (literal.includes(' FROM ') ? `(SELECT ${literal})` : literal)),
      map,
    ),
  ],
  citext: [typeCase('public.citext', 'string', ["'Grüße'", "'NULL'"])],
  ltree: [
    typeCase('public.ltree', 'string', ["'Top.Science.Astronomy'", "''"]),
    typeCase('public.lquery', 'string', ["'Top.*{0,2}.sport*@.!football|tennis{1,}.Russ*|Spain'"]),
  ],
  cube: [typeCase('public.cube', 'string', ["'(0.1,2),(3,4)'"])],
  seg: [typeCase('public.seg', 'string', ["'5(+-)0.3'"])],
  isn: [typeCase('public.isbn13', 'string', ["'978-0-393-04002-9'"])],
  postgis: [
    typeCase(
      'public.geometry',
      geometry(null),
      ["'POINT(1 2)'", "'SRID=4326;LINESTRING(0 0,1 1)'", "'POINT EMPTY'"],
      ewkb,
    ),
    typeCase('public.geometry(Point,4326)', geometry(4326), ["'SRID=4326;POINT(13.4 52.5)'"], ewkb),
    typeCase('public.geometry(Polygon)', geometry(null), ["'POLYGON((0 0,4 0,4 3,0 0))'"], ewkb),
    typeCase('public.geometry(PointZM,998999)', geometry(998999), ["'SRID=998999;POINT(1 2 3 4)'"], ewkb),
    typeCase('public.geography', geometry(null), ["'POINT(13.4 52.5)'"], ewkb),
    typeCase('public.geography(Point)', geometry(4326), ["'POINT(13.4 52.5)'"], ewkb),
    typeCase('public.box2d', 'string', ["'BOX(0 0,1 1)'"]),
  ],
  vector: [
    typeCase('public.vector', 'vector', VECTORS, vector),
    typeCase('public.halfvec', 'vector', VECTORS.slice(0, 2), vector),
    typeCase('public.sparsevec', 'string', ["'{1:1.5,3:2}/5'"]),
  ],
}

/**
 * Where pgvector cannot be had: types of its names that print what they are given, entered in the catalog as its own. What
 * it prints is known from its documentation; that a column is found to be of its types is seen for real.
 */
const VECTOR_STAND_IN = `
  ${['vector', 'halfvec', 'sparsevec'].map(standIn).join(';')};
  SET allow_system_table_mods = on;
  INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
    VALUES (3999999999, 'vector', 10, 'public'::regnamespace, true, '0');
  INSERT INTO pg_depend (classid, objid, objsubid, refclassid, refobjid, refobjsubid, deptype)
    SELECT 'pg_type'::regclass, name::regtype, 0, 'pg_extension'::regclass, 3999999999, 0, 'e'
    FROM unnest('{public.vector,public.halfvec,public.sparsevec}'::text[]) AS t(name);
  SET allow_system_table_mods = off`

function standIn(name: string): string {
  return `CREATE TYPE public.${name};
    CREATE FUNCTION public.${name}_in(cstring) RETURNS public.${name} AS 'textin' LANGUAGE internal STRICT IMMUTABLE;
    CREATE FUNCTION public.${name}_out(public.${name}) RETURNS cstring AS 'textout' LANGUAGE internal STRICT IMMUTABLE;
    CREATE TYPE public.${name} (input = public.${name}_in, output = public.${name}_out, like = text)`
}

const OWN_TYPES = `
  CREATE SCHEMA mine; CREATE TYPE mine.hstore AS (a int, b int); CREATE TYPE mine.geometry AS ENUM ('x')`

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`extensions of ${name}`, () => {
    let scene: TypeScene
    let present: readonly string[]
    before(async () => {
      const { url } = await start()
      present = await availableExtensions(url)
      const made = present.map(extension => `CREATE EXTENSION ${extension} SCHEMA public`)
      if (!present.includes('vector')) made.push(VECTOR_STAND_IN)
      const cases = numberedCases(present)
      scene = await TypeScene.open(url, {
        setup: [made.join(';'), OWN_TYPES, cases.map(([of, index]) => domainsOf(of, index)).join(';')],
        columns: [
          ...cases.flatMap(([of, index]) => columnsOf(of, index)),
          'my_hstore mine.hstore',
          'my_geometry mine.geometry',
        ],
      })
    })
    after(() => scene.close())

    for (const [extension, cases] of Object.entries(EXTENSIONS)) {
      for (const typeCase of cases) {
        it(`${typeCase.sql} of ${extension} is told as the server has it`, async (context: TestContext) => {
          const numbered = numberedCases(present).find(([of]) => of === typeCase)
          if (!numbered) return context.skip(`${extension} is not among the server's pg_available_extensions`)
          await isTold(scene, ...numbered)
        })
      }
    }

    it('a type of the same name that is no part of the extension is text', async () => {
      const [row] = await scene.commit(
        1,
        `INSERT INTO public.t (id, my_hstore, my_geometry) VALUES (0, '(1,2)', 'x')`,
      )
      assert.deepEqual(typeOf(row?.table as Table, 'my_hstore'), { kind: 'string' })
      assert.deepEqual(typeOf(row?.table as Table, 'my_geometry'), { kind: 'string' })
      assert.equal(row?.avro.event?.after?.my_hstore, '(1,2)')
    })
  })
}

/** Each with its place among all. */
function numberedCases(present: readonly string[]): [TypeCase, number][] {
  return Object.entries(EXTENSIONS)
    .filter(([extension]) => present.includes(extension) || extension === 'vector')
    .flatMap(([, cases]) => cases)
    .map((of, index) => [of, index])
}

async function availableExtensions(url: string): Promise<string[]> {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query<{ name: string }>('SELECT name FROM pg_available_extensions')
  await client.end()
  return Object.keys(EXTENSIONS).filter(extension => rows.some(({ name }) => name === extension))
}
