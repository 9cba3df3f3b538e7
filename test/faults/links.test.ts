import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { service } from '../services/index.ts'
import { withClient } from '../support/audited-shop.ts'
import { API, type ProxiedKafka, startProxiedKafka, tapRequests } from '../support/proxied-kafka.ts'
import { type Link, startProxy, type TcpProxy } from '../support/proxy.ts'
import { openShopScene, type ShopScene } from '../support/shop-scene.ts'
import { readTopic } from '../support/topic-reader.ts'
import { carryThroughFaults, says, settle, throughFaults, writesOn } from '../support/under-load.ts'
import type { Worker } from '../support/worker.ts'

const FREEZE_MS = 60_000
/** So that a silent link is noticed after the least time there is: 30 s. */
const SHORT_SENDER_TIMEOUT = '?options=-c%20wal_sender_timeout%3D10s'

/** A startup packet names what the session is for. */
const isReplication = ({ opening }: Link) => opening.includes('replication\0')

async function disturb(proxy: TcpProxy, worker: Worker, faults: readonly (() => unknown)[]): Promise<void> {
  for (const fault of faults) {
    await fault()
    await settle(500)
    proxy.thaw()
    await proxy.refuse(false)
    await writesOn(worker)
  }
}

/** Beginning and middle of what is sent, in order and with a reset, and nobody there for a while. */
const breaks = (proxy: TcpProxy) => [
  () => proxy.cut(),
  () => proxy.reset(),
  () => proxy.cutAfter(300),
  () => proxy.cutAfter(5_000),
  () => Promise.all([proxy.refuse(true), proxy.cut()]),
]

/** A table beside the audited ones, whose shape changes. */
const createShapes = ({ databaseUrl }: ShopScene) =>
  withClient(databaseUrl, client => client.query('create table shapes (id serial primary key)'))

/** The first row of a new shape: the worker asks the catalog and the registry about it. */
const changeShape = ({ databaseUrl }: ShopScene) =>
  withClient(databaseUrl, async client => {
    const { rows } = await client.query<{ next: string }>("select nextval('shapes_id_seq')::text as next")
    const next = rows[0]?.next
    await client.query(`alter table shapes add column note${next} text`)
    await client.query('insert into shapes values ($1)', [next])
  })

async function proveShapes({ databaseUrl, kafka, registry, name }: ShopScene): Promise<void> {
  const committed = await withClient(
    databaseUrl,
    async client => (await client.query<{ id: number }>('select id from shapes order by id')).rows,
  )
  const events = await readTopic(kafka, registry, `${name}.public.shapes`)
  const published = events.map(({ value }) => Number(value?.after?.id)).toSorted((a, b) => a - b)
  assert.deepEqual(
    published,
    committed.map(({ id }) => id),
  )
}

describe('each link of a worker, cut, frozen, slowed and robbed of its answers, loses and repeats nothing', {
  concurrency: true,
}, () => {
  let kafka: ProxiedKafka

  before(async () => {
    kafka = await startProxiedKafka(4)
  })
  after(() => kafka[Symbol.asyncDispose]())

  const postgresProxy = async () => startProxy((await service('postgres15')).url)

  it('to Postgres, broken again and again, also while the catalog is asked', async () => {
    await using proxy = await postgresProxy()
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { postgres: proxy.address } })
    await createShapes(scene)
    const proved = await throughFaults(scene, async worker => {
      await disturb(proxy, worker, breaks(proxy))
      for (const fault of breaks(proxy)) {
        await changeShape(scene)
        await disturb(proxy, worker, [fault])
      }
      proxy.slow(20_000)
      await changeShape(scene)
      await settle(10_000)
      proxy.thaw()
    })
    assert.ok(proved > 100)
    await proveShapes(scene)
  })

  it('to Postgres, its catalog dumb while a new shape is looked up', async () => {
    await using proxy = await postgresProxy()
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { postgres: proxy.address } })
    await createShapes(scene)
    const proved = await throughFaults(scene, async worker => {
      proxy.swallowAnswers(link => !isReplication(link))
      await changeShape(scene)
      await says(worker, 'SOURCE_UNREACHABLE')
      proxy.thaw()
    })
    assert.ok(proved > 100)
    await proveShapes(scene)
  })

  it('to Postgres, the log silent for ever: noticed, and read on over another', async () => {
    await using proxy = await postgresProxy()
    const options = {
      kafka: kafka.broker.url,
      via: { postgres: proxy.address },
      urlOptions: SHORT_SENDER_TIMEOUT,
    }
    await using scene = await openShopScene(options)
    const proved = await throughFaults(scene, async worker => {
      const frozen = new Set(proxy.links.filter(isReplication))
      assert.equal(frozen.size, 1)
      proxy.freeze(link => frozen.has(link))
      await says(worker, 'SOURCE_CONNECTION_LOST')
      await writesOn(worker)
      proxy.thaw()
    })
    assert.ok(proved > 100)
  })

  it('to Postgres, all frozen for a minute while a shape changes', async () => {
    await using proxy = await postgresProxy()
    const options = {
      kafka: kafka.broker.url,
      via: { postgres: proxy.address },
      urlOptions: SHORT_SENDER_TIMEOUT,
    }
    await using scene = await openShopScene(options)
    await createShapes(scene)
    const proved = await throughFaults(scene, async worker => {
      proxy.freeze()
      await changeShape(scene)
      await Promise.all([settle(FREEZE_MS), says(worker, 'SOURCE_CONNECTION_LOST')])
      proxy.thaw()
    })
    assert.ok(proved > 100)
    await proveShapes(scene)
  })

  it('to Kafka, broken again and again, slowed, and answered without hearing it', async () => {
    const proxy = kafka.proxies[0] as TcpProxy
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { kafka: proxy.address } })
    const proved = await throughFaults(scene, async worker => {
      await disturb(proxy, worker, [...breaks(proxy), ...breaks(proxy)])
      proxy.slow(20_000)
      await settle(10_000)
      proxy.thaw()
      for (const ms of [3_000, 15_000]) {
        proxy.swallowAnswers()
        await settle(ms)
        proxy.thaw()
        await writesOn(worker)
      }
    })
    assert.ok(proved > 100)
  })

  it('to Kafka, with at-least-once repeats what readers know by its coordinate, and nothing out of order', async test => {
    const proxy = kafka.proxies[3] as TcpProxy
    const settings = 'delivery: at-least-once\n'
    const options = { kafka: kafka.broker.url, via: { kafka: proxy.address }, settings }
    await using scene = await openShopScene(options)
    await carryThroughFaults(scene, async worker => {
      await disturb(proxy, worker, [...breaks(proxy), () => proxy.swallowAnswers(), ...breaks(proxy)])
    })
    const { changes, repeats } = await scene.proveAtLeastOnce()
    test.diagnostic(`${repeats} of ${changes} came again`)
    assert.ok(changes > 100)
  })

  it('to Kafka, frozen for a minute', async () => {
    const proxy = kafka.proxies[1] as TcpProxy
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { kafka: proxy.address } })
    const proved = await throughFaults(scene, async worker => {
      proxy.freeze()
      await Promise.all([settle(FREEZE_MS), says(worker, 'KAFKA_UNREACHABLE')])
      proxy.thaw()
    })
    assert.ok(proved > 100)
  })

  it('to Kafka, lost at the very commit: before it arrives, and before its answer does', async () => {
    const proxy = kafka.proxies[2] as TcpProxy
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { kafka: proxy.address } })
    let [commits, lostRequests, lostAnswers] = [0, 0, 0]
    const proved = await throughFaults(scene, async worker => {
      proxy.tap(
        tapRequests(API.endTransaction, (_bytes, link) => {
          commits++
          if (commits % 6 === 3) {
            lostRequests++
            link.reset()
            return 'hold'
          }
          if (commits % 6 === 0) {
            lostAnswers++
            proxy.swallowAnswers(each => each === link)
            setTimeout(() => proxy.thaw(), 200)
          }
          return 'pass'
        }),
      )
      while (lostRequests < 8 || lostAnswers < 8) await writesOn(worker)
      proxy.tap(null)
      assert.ok(worker.log.some(({ msg }) => msg === 'connector waits'))
    })
    assert.ok(proved > 100)
  })

  it('to the registry, broken, frozen and slowed while shapes change', async () => {
    await using proxy = await startProxy((await service('registry')).url)
    await using scene = await openShopScene({ kafka: kafka.broker.url, via: { registry: proxy.address } })
    await createShapes(scene)
    const proved = await throughFaults(scene, async worker => {
      const answersAgain = async () => {
        await changeShape(scene)
        await settle(500)
        proxy.thaw()
        await proxy.refuse(false)
        await writesOn(worker)
      }
      for (const fault of breaks(proxy)) {
        await fault()
        await answersAgain()
      }
      proxy.slow(500)
      await answersAgain()
      proxy.swallowAnswers()
      await answersAgain()
      const from = worker.log.length
      proxy.freeze()
      await changeShape(scene)
      await says(worker, 'REGISTRY_UNREACHABLE', from)
      await answersAgain()
    })
    assert.ok(proved > 100)
    await proveShapes(scene)
  })
})
