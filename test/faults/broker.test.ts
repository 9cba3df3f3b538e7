import assert from 'node:assert/strict'
import { it } from 'node:test'
import { startService } from '../services/index.ts'
import { startLoad } from '../support/audited-shop.ts'
import { API, startProxiedKafka, tapRequests } from '../support/proxied-kafka.ts'
import type { TcpProxy } from '../support/proxy.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { says, settle, throughFaults, writesOn } from '../support/under-load.ts'

const MEMORY_GROWTH = 100 << 20

it('holds no more memory while Kafka stands still for 40 s under full load, and goes on exactly once', async () => {
  await using kafka = await startService('kafka')
  await using scene = await openShopScene({ kafka: kafka.url })
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl)
  await settle(3_000)
  const before = worker.peakMemory()
  await kafka.kill('SIGSTOP')
  await Promise.all([settle(40_000), says(worker, 'KAFKA_UNREACHABLE')])
  assert.ok(worker.peakMemory() < before + MEMORY_GROWTH, `${before} grew to ${worker.peakMemory()}`)
  await kafka.kill('SIGCONT')
  await writesOn(worker)
  await load.stop()
  await scene.caughtUp(worker)
  assert.ok((await scene.proveExactlyOnce()) > 1_000)
})

it('goes on exactly once after Kafka was killed at the very commit, before it had seen it and just after', async () => {
  await using kafka = await startProxiedKafka(1)
  const proxy = kafka.proxies[0] as TcpProxy
  await using scene = await openShopScene({ kafka: kafka.broker.url, via: { kafka: proxy.address } })
  const proved = await throughFaults(scene, async worker => {
    for (const verdict of ['hold', 'pass', 'hold', 'pass'] as const) {
      const killed = Promise.withResolvers<void>()
      proxy.tap(
        tapRequests(API.endTransaction, () => {
          proxy.tap(null)
          killed.resolve(kafka.broker.kill('SIGKILL'))
          return verdict
        }),
      )
      await killed.promise
      proxy.reset()
      await kafka.broker.restart()
      await writesOn(worker)
    }
  })
  assert.ok(proved > 100)
})
