import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createDecoder } from '../../schemas/index.ts'
import { withClient } from '../support/audited-shop.ts'
import { readCommittedByJava } from '../support/java-consumer.ts'
import { openShopScene } from '../support/shop-scene.ts'

it('publishes JSON at least once, with transaction blocks and without tombstones, when told so', async () => {
  const settings = 'format: json\ndelivery: at-least-once\ntransactions: true\ntombstones: false\n'
  await using scene = await openShopScene({ settings })
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    await client.query('begin')
    await client.query(
      "insert into items values (1, 1, 'é', 12.5, '2026-01-02 03:04:05.678901Z', '{\"big\": 12345678901234567890}')",
    )
    await client.query('update items set version = 2 where id = 1')
    await client.query('delete from items where id = 1')
    await client.query('commit')
  })
  await scene.caughtUp(worker)
  const records = await readCommittedByJava(scene.kafka, `${scene.name}.public.items`)
  const decoded = await Promise.all(records.map(record => createDecoder().decode(record)))
  const ours = decoded.filter(({ key }) => key?.id === 1)
  assert.deepEqual(
    ours.map(({ event }) => event?.op),
    ['c', 'u', 'd'],
  )
  assert.deepEqual(ours[0]?.event?.after, {
    id: 1,
    version: 1,
    name: 'é',
    amount: '12.50',
    changed_at: '2026-01-02T03:04:05.678901Z',
    body: '{"big": 12345678901234567890}',
  })
  const orders = ours.map(({ event }) => [
    event?.transaction?.total_order,
    event?.transaction?.data_collection_order,
  ])
  // The trigger's rows in the audit table are not captured, so they do not count.
  assert.deepEqual(orders, [
    [1, 1],
    [2, 2],
    [3, 3],
  ])
})
