import kafkajs from 'kafkajs'
import pg from 'pg'

/** What the demo makes on servers, all of it by these names. */
export const DATABASES = { shop: 'tributary_demo', view: 'tributary_demo_view' } as const
const SLOT = 'tributary_shop'
const TOPICS = /^shop\.(public\.|checkpoint$)/
const GROUP = 'view'

/** Servers that the demo has not started itself are left as they were. */
export async function removeTraces(servers: {
  postgres: string
  kafka: string
  registry: string
}): Promise<void> {
  await Promise.all([
    cleanPostgres(servers.postgres),
    cleanKafka(servers.kafka),
    cleanRegistry(servers.registry),
  ])
}

async function cleanPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(
    'select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1',
    [SLOT],
  )
  for (const name of Object.values(DATABASES))
    await client.query(`drop database if exists ${name} with (force)`)
  await client.end()
}

async function cleanKafka(broker: string): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers: [broker], logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter(topic => TOPICS.test(topic))
  if (topics.length > 0) await admin.deleteTopics({ topics })
  const { groups } = await admin.listGroups()
  if (groups.some(({ groupId }) => groupId === GROUP)) await admin.deleteGroups([GROUP])
  await admin.disconnect()
}

async function cleanRegistry(url: string): Promise<void> {
  const subjects = (await (await fetch(`${url}/subjects`)).json()) as string[]
  for (const subject of subjects.filter(name => name.startsWith('shop.'))) {
    await fetch(`${url}/subjects/${encodeURIComponent(subject)}`, { method: 'DELETE' })
  }
}
