import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'

const ROWS = 2_000_000
const LIMIT = 250 * 1024 * 1024

it(`carries a transaction of ${ROWS.toLocaleString('en')} rows within 250 MB`, async () => {
  await using scene = await openShopScene()
  await withClient(scene.databaseUrl, client => client.query('alter table items disable trigger audited'))
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, client =>
    client.query(
      `insert into items select n, 1, 'item ' || n, n * 0.01, now(), '{"a": 1}' from generate_series(1, ${ROWS}) n`,
    ),
  )
  await scene.caughtUp(worker)
  const { eventsRead } = await worker.status()
  assert.equal(eventsRead, ROWS + 1)
  assert.ok(worker.peakMemory() < LIMIT, `peak memory ${Math.round(worker.peakMemory() / 1e6)} MB`)
})
