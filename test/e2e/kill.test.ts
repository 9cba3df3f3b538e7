import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startLoad } from '../support/audited-shop.ts'
import { beginStream, openShopScene } from '../support/shop-scene.ts'

const KILLS = 20

it(`publishes every committed change exactly once although the worker is killed ${KILLS} times under load`, async () => {
  await using scene = await openShopScene()
  await beginStream(scene)
  const load = startLoad(scene.databaseUrl)
  for (let kill = 0; kill < KILLS; kill++) {
    await using worker = await scene.startWorker()
    // Half of them while it starts, half of them while it streams: a random moment, in either.
    if (kill % 2 === 0) await worker.ready()
    await new Promise(resolve => setTimeout(resolve, Math.random() * 1_500))
    worker.signal('SIGKILL')
    assert.equal(await worker.ended(), 'SIGKILL')
  }
  await using worker = await scene.startWorker()
  await worker.ready()
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 1_000)
})
