import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import { silentLogger } from '../../core/log.ts'
import { KafkaClient } from '../../core/sinks/kafka/client.ts'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene, type ShopScene } from '../support/shop-scene.ts'
import { readTopic } from '../support/topic-reader.ts'
import { until } from '../support/until.ts'

const TOPIC_CONFIG = 2
const LARGE_BYTES = 3_000_000

it('a row larger than its topic takes stops the connector, nothing of its transaction published or acknowledged, until the topic takes it', async () => {
  await using scene = await openShopScene()
  const topic = `${scene.name}.public.items`
  const ids = async () => {
    const events = await readTopic(scene.kafka, scene.registry, topic)
    return events.map(({ value }) => value?.after?.id).toSorted()
  }
  const committed = await stopByLargeRow(scene, topic)
  assert.deepEqual(await ids(), [1])
  assert.equal(await isAcknowledged(scene, committed), false)
  await raiseLimit(scene.kafka, topic)
  await using worker = await scene.startWorker()
  await worker.ready()
  await until('the transaction is acknowledged', () => isAcknowledged(scene, committed))
  assert.deepEqual(await ids(), [1, 2, 3])
})

/** Returns where the log stood once a transaction with a small and a large row was committed. */
async function stopByLargeRow(scene: ShopScene, topic: string): Promise<string> {
  await using worker = await scene.startWorker()
  await worker.ready()
  const committed = await withClient(scene.databaseUrl, async client => {
    await client.query('insert into items values (1, 1)')
    await until('the first row is durable', async () => (await worker.status()).recordsWritten > 0)
    // Random text hardly shrinks: what counts is what Kafka gets.
    await client.query(
      'with small as (insert into items values (2, 1)) insert into items (id, version, name) values (3, 1, $1)',
      [randomBytes(LARGE_BYTES).toString('base64')],
    )
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
    return rows[0]?.lsn ?? ''
  })
  assert.equal(await worker.ended(), 1)
  const failure = worker.log.find(({ msg }) => msg === 'connector failed')
  assert.equal(failure?.code, 'RECORD_TOO_LARGE')
  assert.match(String(failure?.error), new RegExp(`${topic}.*max\\.message\\.bytes`))
  return committed
}

/** Has the server been told that its log up to here is durable elsewhere? */
async function isAcknowledged({ databaseUrl, name }: ShopScene, lsn: string): Promise<boolean> {
  const { rows } = await withClient(databaseUrl, client =>
    client.query<{ done: boolean }>(
      'select confirmed_flush_lsn >= $2::pg_lsn as done from pg_replication_slots where database = $1',
      [name, lsn],
    ),
  )
  assert.equal(rows.length, 1)
  return rows[0]?.done ?? false
}

async function raiseLimit(brokers: string, topic: string): Promise<void> {
  const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
  const admin = client.admin()
  await admin.connect()
  const configEntries = [
    { name: 'max.message.bytes', value: '10000000' },
    { name: 'cleanup.policy', value: 'compact' },
  ]
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: TOPIC_CONFIG, name: topic, configEntries }],
  })
  client.destroy()
}
