import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { service } from '../services/index.ts'

const DEMO = fileURLToPath(new URL('../../examples/demo/demo.ts', import.meta.url))

it('the demo ends with tables that are equal, and leaves nothing on servers that it has not started', async () => {
  await Promise.all([service('kafka'), service('registry')])
  const { url } = await service('postgres15')
  const { stdout } = await promisify(execFile)(process.execPath, [DEMO], { maxBuffer: 64 << 20 })
  assert.match(stdout, /Every table is equal/)
  assert.match(stdout, /"gift":true/)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(
    `select datname from pg_database where datname like 'tributary_demo%'
     union all select slot_name from pg_replication_slots where slot_name = 'tributary_shop'`,
  )
  await client.end()
  assert.deepEqual(rows, [])
})
