import { randomUUID } from 'node:crypto'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { fetchRequest, KafkaClient } from '../../core/sinks/kafka/client.ts'
import { TestDatabase } from '../connectors/postgres/database.ts'
import { kafkaHarness } from '../sinks/kafka/harness.ts'
import { record } from '../support/events.ts'
import { WireMessages } from '../support/pgoutput-messages.ts'
import { CANARY, type Input } from './target.ts'

// What real servers send, so that damage begins at what is sound in every byte.

const TABLES = `
  CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN price AS numeric(10,2); CREATE TYPE pair AS (a int, b text);
  CREATE TABLE things (id bigint PRIMARY KEY, b bool, i int2, f float4, d float8, n numeric, p price, t text,
    v varchar(20), c char(5), y bytea, u uuid, j json, jb jsonb, da date, ti time, ts timestamp, tz timestamptz,
    iv interval, bi bit(5), m mood, pr pair, r int4range, mr int4multirange, net inet, ia int[], ta text[],
    na numeric(10,2)[], g bigint GENERATED ALWAYS AS (id + 1) STORED, big text);
  CREATE TABLE entire (LIKE things INCLUDING ALL); ALTER TABLE entire DROP g; ALTER TABLE entire REPLICA IDENTITY FULL;
  CREATE TABLE keyless (t text); ALTER TABLE keyless REPLICA IDENTITY NOTHING;
  ALTER TABLE things ALTER big SET STORAGE EXTERNAL; ALTER TABLE entire ALTER big SET STORAGE EXTERNAL`

const COLUMNS = `(id, b, i, f, d, n, p, t, v, c, y, u, j, jb, da, ti, ts, tz, iv, bi, m, pr, r, mr, net, ia, ta, na, big)`
const VALUES = `(9007199254740993, true, -32768, 'NaN', '-Infinity', '123456789012345678901234567890.123', 12.5,
    '${CANARY} 😀 "q" \\', '${CANARY}', 'ab', '${CANARY}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a": ["${CANARY}"]}',
    '{"a": 1e30}', '0044-03-15 BC', '24:00', '294276-12-31 23:59:59.999999', 'infinity', '1 year -3 days 04:05:06.7',
    '10110', 'ok', '(1,"${CANARY}")', '[1,10)', '{[1,3),[5,7)}', '10.0.0.1/8', '{{1,NULL},{3,4}}',
    '{"a b",NULL,"NULL","\\"",""}', '{1.5,NaN}', repeat('${CANARY}', 500))`

const TRANSACTIONS = [
  `INSERT INTO things ${COLUMNS} VALUES ${VALUES}; INSERT INTO things (id, t) VALUES (1, NULL), (2, '')`,
  'UPDATE things SET i = 5; UPDATE things SET id = id + 100 WHERE id = 1; DELETE FROM things WHERE id = 2',
  `INSERT INTO entire ${COLUMNS} VALUES ${VALUES}; UPDATE entire SET i = 5; DELETE FROM entire`,
  `INSERT INTO keyless VALUES ('${CANARY}'); ALTER TABLE things ADD late int DEFAULT 5; INSERT INTO things (id) VALUES (7);
   TRUNCATE things, entire CASCADE; SELECT pg_logical_emit_message(true, 'note', '${CANARY}')`,
] as const

/** Each transaction as the server's own output plugin tells it, every table described anew. */
export async function recordLog(serverUrl: string): Promise<Input[]> {
  const database = await TestDatabase.create(serverUrl)
  try {
    const { slot } = database
    await database.commit(TABLES, `CREATE PUBLICATION ${slot} FOR ALL TABLES`)
    await database.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot])
    const inputs: Input[] = []
    for (const transaction of TRANSACTIONS) {
      await database.commit(transaction)
      const rows = await database.query<{ data: Buffer }>(
        `SELECT data FROM pg_logical_slot_get_binary_changes($1::text::name, NULL, NULL, 'proto_version', '1', 'publication_names', $1::text)`,
        [slot],
      )
      const wire = new WireMessages()
      inputs.push(rows.map(({ data }) => wire.walData(data)))
    }
    return inputs
  } finally {
    await database.drop()
  }
}

/** Answers of a broker to a fetch: committed and aborted transactions, their markers, plain and compressed batches. */
export async function recordFetches(): Promise<Input[]> {
  const harness = await kafkaHarness()
  const { topic, brokers } = harness
  const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
  try {
    const sink = harness.sink()
    await sink.open()
    await sink.write([record(CANARY, { topic, key: Buffer.from('k'), headers: { name: CANARY } })], {})
    const many = Array.from({ length: 50 }, (_, index) =>
      record(CANARY.repeat(20), { topic, key: Buffer.of(index), timestampMs: systemClock.now() }),
    )
    await sink.write(many, {})
    await abort(client, topic)
    await sink.write([record('', { topic, key: Buffer.of(1), value: null })], {})
    return [[await fetchPayload(client, topic, 0)], [await fetchPayload(client, topic, 2)]]
  } finally {
    client.destroy()
    await harness.close()
  }
}

async function abort(client: KafkaClient, topic: string): Promise<void> {
  const producer = client.producer({ id: `fuzz-${randomUUID()}`, timeoutMs: 30_000 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ partition: 0, key: 'k', value: CANARY }] })
  await transaction.abort()
  await producer.disconnect()
}

/** The answer's bytes as they come, with what is committed and what is not. */
async function fetchPayload(client: KafkaClient, topic: string, fetchOffset: number): Promise<Buffer> {
  const cluster = client.cluster()
  await cluster.connect()
  await cluster.addMultipleTargetTopics([topic])
  await cluster.refreshMetadata()
  const [place] = cluster.findTopicPartitionMetadata(topic)
  const broker = await cluster.findBroker({ nodeId: String(place?.leader) })
  const partitions = [{ partition: 0, fetchOffset, maxBytes: 1 << 20 }]
  const request = {
    isolationLevel: 1,
    maxWaitTime: 500,
    minBytes: 1,
    maxBytes: 1 << 20,
    topics: [{ topic, partitions }],
  }
  return broker.connectionPool.send({
    request: fetchRequest(request),
    response: { decode: async payload => payload, parse: async payload => Buffer.from(payload) },
  })
}
