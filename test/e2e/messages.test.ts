import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { readTopic } from '../support/topic-reader.ts'

it('messages of applications are in their topic once each, in the order of the log, whatever becomes of workers', async () => {
  await using scene = await openShopScene({ sourceSettings: 'messages: ["outbox.*"]' })
  const emit = (isTransactional: boolean, prefix: string, content: string) =>
    withClient(scene.databaseUrl, client =>
      client.query(`select pg_logical_emit_message(${isTransactional}, '${prefix}', '${content}')`),
    )
  {
    await using worker = await scene.startWorker()
    await worker.ready()
    for (let n = 0; n < 10; n++) await emit(n % 2 === 0, 'outbox.a', `a${n}`)
    await emit(true, 'other', 'unseen')
    await scene.caughtUp(worker)
    worker.signal('SIGKILL')
    await worker.ended()
  }
  for (let n = 10; n < 20; n++) await emit(n % 2 === 0, 'outbox.a', `a${n}`)
  await using worker = await scene.startWorker()
  await worker.ready()
  await emit(false, 'outbox.b', 'b')
  await scene.caughtUp(worker)
  const events = await readTopic(scene.kafka, scene.registry, `${scene.name}.message`)
  const told = events.map(({ value }) => [value?.op, value?.message?.prefix, String(value?.message?.content)])
  assert.deepEqual(
    told.filter(([, prefix]) => prefix === 'outbox.a'),
    Array.from({ length: 20 }, (_, n) => ['m', 'outbox.a', `a${n}`]),
  )
  assert.deepEqual(
    told.filter(([, prefix]) => prefix !== 'outbox.a'),
    [['m', 'outbox.b', 'b']],
  )
})
