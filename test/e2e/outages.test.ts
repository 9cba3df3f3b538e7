import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startService } from '../services/index.ts'
import { startLoad } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { until } from '../support/until.ts'

const settle = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

it('goes on exactly once after Kafka was killed and restarted under load', async () => {
  await using kafka = await startService('kafka')
  await using scene = await openShopScene({ kafka: kafka.url })
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl)
  for (let round = 0; round < 2; round++) {
    await settle(1_000)
    await kafka.kill('SIGKILL')
    await settle(500)
    await kafka.restart()
    const { recordsWritten } = await worker.status()
    await until(
      'the worker writes again',
      async () => (await worker.status()).recordsWritten > recordsWritten,
    )
  }
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
})

it('goes on exactly once after Postgres was killed and restarted under load', async () => {
  await using postgres = await startService('postgres15')
  await using scene = await openShopScene({ postgres: postgres.url })
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl)
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    await settle(1_000)
    await postgres.kill(signal)
    await until('the worker notices', async () => (await worker.status()).state === 'waiting')
    await postgres.restart()
    await worker.ready()
  }
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
})

it('waits for a registry that is down at the start, with events held back and nothing lost', async () => {
  await using registry = await startService('registry')
  await using scene = await openShopScene({ registry: registry.url })
  await registry.kill('SIGKILL')
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl)
  await until('the worker says that it waits', () =>
    worker.log.some(({ code }) => code === 'REGISTRY_UNREACHABLE'),
  )
  await settle(1_000)
  assert.equal((await worker.status()).recordsWritten, 0)
  await registry.restart()
  await worker.ready()
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 100)
})
