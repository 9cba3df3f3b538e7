import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startLoad } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'

it('a second worker with the same connector takes over, and the first is fenced and says so', async () => {
  await using scene = await openShopScene()
  await using first = await scene.startWorker()
  await first.ready()
  await using load = startLoad(scene.databaseUrl)
  await using second = await scene.startWorker()
  assert.equal(await first.ended(), 1)
  const failure = first.log.find(({ msg }) => msg === 'connector failed')
  assert.equal(failure?.code, 'FENCED')
  await second.ready()
  await load.stop()
  await scene.caughtUp(second)
  assert.ok((await scene.proveExactlyOnce()) > 0)
})
