// Rebuilds tables from their topics, as any service can with its own Kafka client. Every row is kept with the
// coordinate of the change that made it, and only a greater one replaces it: whatever is read twice, or
// replayed from offset 0, ends in the same rows.
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import kafkajs from 'kafkajs'
import pg from 'pg'
import { createDecoder } from 'tributary/schemas'

const { KAFKA_BROKERS = '', REGISTRY_URL = '', VIEW_URL = '', TOPICS = '', GROUP = 'view' } = process.env
const decoder = createDecoder({ registry: REGISTRY_URL })
const view = new pg.Pool({ connectionString: VIEW_URL })
await view.query(`create table if not exists rows
  (topic text, key jsonb, value jsonb, coordinate text collate "C", primary key (topic, key))`)

const upsert = `insert into rows values ($1, $2, $3, $4)
  on conflict (topic, key) do update set value = excluded.value, coordinate = excluded.coordinate
  where rows.coordinate < excluded.coordinate`
const empty = 'update rows set value = null, coordinate = $2 where topic = $1 and coordinate < $2'

// Batches are compressed with zstd, which this client leaves to us.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (bytes: Buffer) => zstdDecompressSync(bytes),
})
const kafka = new kafkajs.Kafka({ brokers: KAFKA_BROKERS.split(','), logLevel: kafkajs.logLevel.ERROR })
const consumer = kafka.consumer({ groupId: GROUP, maxWaitTimeInMs: 200 })
await consumer.connect()
await consumer.subscribe({ topics: TOPICS.split(',').map(topic => new RegExp(topic)), fromBeginning: true })
await consumer.run({
  eachMessage: async ({ topic, message }) => {
    const { key, event } = await decoder.decode(message)
    if (!event) return // A tombstone: it tells Kafka to forget; the delete before it has told us.
    if (event.op === 't') await view.query(empty, [topic, event.coordinate])
    else await view.query(upsert, [topic, JSON.stringify(key), event.after, event.coordinate])
    console.log(event.coordinate, event.op, topic, JSON.stringify(key ?? {}), JSON.stringify(event.after))
  },
})
process.on('SIGTERM', () => consumer.disconnect().then(() => view.end()))
