import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readPage } from '../../../../docs/generate.ts'
import { POSTGRES_SERVERS, TestDatabase } from '../database.ts'
import { CASES } from './cases.ts'

/** Types of columns that the server fills itself, in its own catalog: it takes no value of them from anyone. */
const UNWRITABLE = [
  'pg_node_tree',
  'pg_ndistinct',
  'pg_dependencies',
  'pg_mcv_list',
  'pg_brin_bloom_summary',
  'pg_brin_minmax_multi_summary',
  'gtsvector',
]

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`types in the catalog of ${name}`, () => {
    let database: TestDatabase
    before(async () => {
      database = await TestDatabase.create((await start()).url)
    })
    after(() => database.drop())

    /** Every type that a column can have on a new server, but arrays of these, domains and rows. */
    const builtIn = () =>
      database.query<{ name: string; oid: string }>(
        `SELECT typname::text AS name, oid::int8::text AS oid FROM pg_type
         WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm', 'e')
           AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = pg_type.typelem AND e.typarray = pg_type.oid)`,
      )

    const oidsOf = async (names: readonly string[]) => {
      const rows = await database.query<{ oid: string | null }>(
        'SELECT to_regtype(name)::oid::int8::text AS oid FROM unnest($1::text[]) AS t(name)',
        [names],
      )
      return new Set(rows.map(({ oid }) => oid))
    }

    it('are all compared with what SELECT prints, but those that nobody can write', async () => {
      const compared = await oidsOf(
        CASES.map(({ sql }) => sql.replace(/^public\..*/, 'nothing').replace(/\(.*\)/, '')),
      )
      const left = (await builtIn()).filter(({ oid }) => !compared.has(oid)).map(type => type.name)
      assert.deepEqual(left.toSorted(), UNWRITABLE.toSorted())
      for (const type of UNWRITABLE) {
        await assert.rejects(database.query(`SELECT ''::${type}`), { code: '0A000' }, type)
      }
    })

    it('are all in the table of types that the documentation has', async () => {
      const page = readPage('docs/03-event-format.md')
      const [, table = ''] = page.split('<!-- generated: postgres types -->')
      const first =
        table
          .split('<!-- end -->')[0]
          ?.split('\n')
          .map(line => line.split('|')[1] ?? '') ?? []
      const named = first.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, type = '']) => type))
      const documented = await oidsOf(
        named.map(type => type.replace(/\(.*\)|\[.*\]/g, '')).filter(type => /^["\w ]+$/.test(type)),
      )
      const left = (await builtIn()).filter(({ oid }) => !documented.has(oid)).map(type => type.name)
      assert.deepEqual(left, [])
    })
  })
}
