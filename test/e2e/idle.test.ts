import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { until } from '../support/until.ts'

it('while only other tables are written, the position moves on, is acknowledged, and the lag is nought', async () => {
  await using scene = await openShopScene()
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    await client.query('insert into items values (1, 1)')
    await until('the first row is durable', async () => (await worker.status()).recordsWritten > 0)
    await until('nothing is held', async () => (await worker.status()).lagSeconds === 0)
    const lags: number[] = []
    await client.query(`insert into audit (tab) values ('not captured')`)
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    await until('the slot has moved past what was written since', async () => {
      lags.push((await worker.status()).lagSeconds ?? 0)
      await client.query(`insert into audit (tab) values ('not captured')`)
      const moved = await client.query(
        'select from pg_replication_slots where database = $1 and confirmed_flush_lsn > $2::pg_lsn',
        [scene.name, rows[0]?.lsn],
      )
      return moved.rowCount === 1
    })
    assert.deepEqual([...new Set(lags)], [0])
  })
})
