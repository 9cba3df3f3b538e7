import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startLoad, writeLargeTransactions } from '../support/audited-shop.ts'
import { randomFrom, seedOfThisRun } from '../support/random.ts'
import { beginStream, openShopScene, type ShopScene } from '../support/shop-scene.ts'

const KILLS = 50
const LONGEST_LIFE_MS = 1_500

/** Kills worker after worker at random moments under load, large transactions included; the last one catches up. */
async function killWorkers(scene: ShopScene, kills: number, test: TestContext): Promise<void> {
  const seed = seedOfThisRun()
  test.diagnostic(`seed ${seed}`)
  const random = randomFrom(seed)
  await beginStream(scene)
  await using load = startLoad(scene.databaseUrl, { sessions: 2, pauseMs: 5 })
  const large = writeLargeTransactions(scene.databaseUrl)
  for (let kill = 0; kill < kills; kill++) {
    await using worker = await scene.startWorker()
    // Half of them while it starts, half of them while it streams.
    if (kill % 2 === 0) await worker.ready()
    await new Promise(resolve => setTimeout(resolve, random() * LONGEST_LIFE_MS))
    worker.signal('SIGKILL')
    assert.equal(await worker.ended(), 'SIGKILL')
  }
  await large
  await using worker = await scene.startWorker()
  await worker.ready()
  await load.stop()
  await scene.caughtUp(worker)
}

describe('a worker that is killed again and again under load', { concurrency: true }, () => {
  it(`publishes every committed change exactly once, over ${KILLS} kills`, async test => {
    await using scene = await openShopScene()
    await killWorkers(scene, KILLS, test)
    assert.ok((await scene.proveExactlyOnce()) > 120_000)
  })

  it('with at-least-once publishes every change, repeats only what a reader knows by its coordinate, and keeps the order', async test => {
    await using scene = await openShopScene({ settings: 'delivery: at-least-once\n' })
    await killWorkers(scene, KILLS / 2, test)
    const { changes, repeats } = await scene.proveAtLeastOnce()
    test.diagnostic(`${repeats} of ${changes} came again`)
    assert.ok(changes > 120_000)
  })
})
