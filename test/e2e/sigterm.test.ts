import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startLoad } from '../support/audited-shop.ts'
import { beginStream, openShopScene } from '../support/shop-scene.ts'

it('ends in order within 10 s of SIGTERM under load, and goes on where it was', async () => {
  await using scene = await openShopScene()
  await beginStream(scene)
  await using load = startLoad(scene.databaseUrl)
  for (let round = 0; round < 3; round++) {
    await using worker = await scene.startWorker()
    await worker.ready()
    await new Promise(resolve => setTimeout(resolve, 1_000))
    const asked = performance.now()
    worker.signal('SIGTERM')
    assert.equal(await worker.ended(), 0)
    assert.ok(performance.now() - asked < 10_000)
    assert.equal(worker.log.at(-1)?.msg, 'worker ended')
  }
  await load.stop()
  await using worker = await scene.startWorker()
  await worker.ready()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
})
