import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startLoad } from '../support/audited-shop.ts'
import { startInspectedWorker } from '../support/inspected.ts'
import { openShopScene, type SceneOptions } from '../support/shop-scene.ts'
import { settle, writesOn } from '../support/under-load.ts'

const STEPPING_DATE = fileURLToPath(new URL('../support/stepping-date.ts', import.meta.url))
const LIGHT = { sessions: 1, pauseMs: 20 }
const STOPPED_MS = 90_000

/** Blocks a worker's event loop under load; resolves to how often its connector began again. */
async function blockUnderLoad(options: SceneOptions, ms: number): Promise<number> {
  await using scene = await openShopScene(options)
  await using worker = await startInspectedWorker(scene)
  await worker.ready()
  await using load = startLoad(scene.databaseUrl, LIGHT)
  await writesOn(worker)
  await worker.block(ms)
  await writesOn(worker)
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
  assert.ok(worker.log.every(({ code }) => code !== 'FENCED'))
  return (await worker.status()).restarts
}

describe('a worker that stands still', { concurrency: true }, () => {
  it('for 20 s, its event loop blocked, goes on', async () => {
    await blockUnderLoad({}, 20_000)
  })

  it('for longer than Postgres waits for it, begins again by itself', async () => {
    assert.ok((await blockUnderLoad({ urlOptions: '?options=-c%20wal_sender_timeout%3D5s' }, 20_000)) > 0)
  })

  it('for longer than a transaction may stand open in Kafka, is not taken for one that was fenced', async () => {
    await blockUnderLoad({}, 45_000)
  })

  it('for 90 s by SIGSTOP while another takes over, is fenced when it comes back, and writes nothing', async () => {
    await using scene = await openShopScene()
    await using zombie = await scene.startWorker()
    await zombie.ready()
    await using load = startLoad(scene.databaseUrl, LIGHT)
    await writesOn(zombie)
    zombie.signal('SIGSTOP')
    await using second = await scene.startWorker()
    // The server ends the stopped worker's session after wal_sender_timeout, a minute; then the slot is free.
    await Promise.all([settle(STOPPED_MS), writesOn(second)])
    zombie.signal('SIGCONT')
    assert.equal(await zombie.ended(), 1)
    assert.equal(zombie.log.find(({ msg }) => msg === 'connector failed')?.code, 'FENCED')
    await writesOn(second)
    await load.stop()
    await scene.caughtUp(second)
    assert.ok((await scene.proveExactlyOnce()) > 100)
  })
})

it('delivers everything once and in order while its clock steps by hours, forwards and backwards', async () => {
  await using scene = await openShopScene()
  await using worker = await scene.startWorker(['--import', STEPPING_DATE])
  await worker.ready()
  await using load = startLoad(scene.databaseUrl, LIGHT)
  for (let round = 0; round < 12; round++) {
    await settle(1_000)
    await writesOn(worker)
  }
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
})
