import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene, type ShopScene } from '../support/shop-scene.ts'
import { setTopicLimit } from '../support/topic-limit.ts'

const HUGE_BYTES = 64 << 20

/** Text that does not shrink to much less than half. */
const insertLarge = (id: number, bytes: number) =>
  `insert into items (id, version, name)
   select ${id}, 1, string_agg(md5(n::text), '') from generate_series(1, ${bytes / 32}) n`

const items = ({ name }: ShopScene) => `${name}.public.items`

describe('a row that is larger than its topic takes', { concurrency: true }, () => {
  it('at the end of a transaction of many writes stops the connector behind those, names the table and its key, and goes on there', async () => {
    await using scene = await openShopScene()
    {
      await using worker = await scene.startWorker()
      await worker.ready()
      await withClient(scene.databaseUrl, async client => {
        await client.query('begin')
        await client.query(
          "insert into items select g, 1, 'small', 0.5, now(), '{}' from generate_series(1, 60000) g",
        )
        await client.query(insertLarge(60_001, 4 << 20))
        await client.query("insert into places values ('Last Street', 1, 1, null)")
        await client.query('commit')
      })
      assert.equal(await worker.ended(), 1)
      const failure = worker.log.find(({ msg }) => msg === 'connector failed')
      assert.equal(failure?.code, 'RECORD_TOO_LARGE')
      const said = String(failure?.error)
      assert.match(said, /table public\.items, key id\) takes \d{7} bytes, .* max\.message\.bytes is \d+$/)
      assert.doesNotMatch(said, /60001/)
    }
    await setTopicLimit(scene.kafka, items(scene), 8 << 20)
    await using worker = await scene.startWorker()
    await worker.ready()
    await scene.caughtUp(worker)
    assert.equal(await scene.proveExactlyOnce(), 60_003)
  })

  it('is no matter to one that takes it: a row of 64 MiB passes', async () => {
    await using scene = await openShopScene()
    await using worker = await scene.startWorker()
    await worker.ready()
    // Its topic is made by this.
    await scene.caughtUp(worker)
    await setTopicLimit(scene.kafka, items(scene), HUGE_BYTES + (1 << 20))
    await withClient(scene.databaseUrl, client => client.query(insertLarge(1, HUGE_BYTES)))
    await scene.caughtUp(worker)
    assert.equal(await scene.proveExactlyOnce(), 3)
  })
})
