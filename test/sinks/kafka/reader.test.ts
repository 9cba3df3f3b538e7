import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { silentLogger } from '../../../core/log.ts'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { type From, readCommitted } from '../../../core/sinks/kafka/reader.ts'
import { KafkaTopics } from '../../../core/sinks/kafka/topics.ts'
import { service } from '../../services/index.ts'
import { readCommittedByJava } from '../../support/java-consumer.ts'
import { until } from '../../support/until.ts'
import { parts, readAll, textRecord, transactionsOver } from './harness.ts'

type Transaction = Awaited<ReturnType<ReturnType<KafkaClient['producer']>['transaction']>>

const ZERO_KEY = Buffer.alloc(4)

describe('reader of what is committed', () => {
  let brokers: string
  let topics: KafkaTopics
  const clients: KafkaClient[] = []

  before(async () => {
    brokers = (await service('kafka')).url
    topics = new KafkaTopics({ ...parts, kafka: { brokers: [brokers] }, partitions: 1 })
  })
  after(() => {
    topics.close()
    for (const client of clients) client.destroy()
  })

  const newTopic = async (partitions = 1) => {
    const topic = `test-reader-${randomUUID()}`
    await topics.ensureTopic(topic, { partitions })
    return topic
  }

  const transactional = async () => {
    const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
    clients.push(client)
    const producer = client.producer({ id: `test-${randomUUID()}`, timeoutMs: 60_000 })
    await producer.connect()
    return producer
  }

  const send = (transaction: Transaction, topic: string, ...texts: string[]) => {
    const messages = texts.map(text => ({ ...textRecord(topic, text), key: ZERO_KEY })) as never
    return transaction.sendBatch({ topicMessages: [{ topic, messages }] })
  }

  /** What is there once no transaction is open any more. */
  const values = async (topic: string) => {
    await transactionsOver(brokers, [topic])
    return (await readAll(brokers, [topic])).map(({ value }) => String(value))
  }

  const agreesWithJava = async (topic: string) => {
    const records = await readAll(brokers, [topic])
    const java = await readCommittedByJava(brokers, topic)
    assert.deepEqual(
      records.map(({ offset, value }) => [offset, String(value)]),
      java.map(({ offset, value }) => [offset, String(value)]),
    )
  }

  it('finds an empty topic empty', async () => {
    assert.deepEqual(await values(await newTopic()), [])
  })

  it('leaves out two aborts of one producer in one fetch, and keys of four zero bytes do not mislead it', async () => {
    const topic = await newTopic()
    const producer = await transactional()
    for (const text of ['a', 'b']) {
      const aborted = await producer.transaction()
      await send(aborted, topic, `${text}1`, `${text}2`)
      await aborted.abort()
    }
    assert.deepEqual(await values(topic), [])
    const committed = await producer.transaction()
    await send(committed, topic, 'c1', 'c2')
    await committed.commit()
    assert.deepEqual(await values(topic), ['c1', 'c2'])
    await agreesWithJava(topic)
  })

  it('tells interleaved transactions of two producers apart', async () => {
    const topic = await newTopic()
    const [a, b] = await Promise.all([transactional(), transactional()])
    const a1 = await a.transaction()
    const b1 = await b.transaction()
    await send(a1, topic, 'a1')
    await send(b1, topic, 'b1')
    await a1.abort()
    const a2 = await a.transaction()
    await send(a2, topic, 'a2')
    await send(b1, topic, 'b2')
    await b1.abort()
    const b2 = await b.transaction()
    await send(b2, topic, 'b3')
    await a2.commit()
    await b2.abort()
    assert.deepEqual(await values(topic), ['a2'])
    await agreesWithJava(topic)
  })

  it('ends before a transaction that is open, whatever follows it', async () => {
    const topic = await newTopic()
    const [a, b] = await Promise.all([transactional(), transactional()])
    const first = await a.transaction()
    await send(first, topic, 'a1')
    await first.commit()
    const open = await a.transaction()
    await send(open, topic, 'a2')
    const behind = await b.transaction()
    await send(behind, topic, 'b1')
    await behind.commit()
    await until('the first transaction is over', async () => (await readAll(brokers, [topic])).length > 0)
    assert.deepEqual(
      (await readAll(brokers, [topic])).map(({ value }) => String(value)),
      ['a1'],
    )
    await open.commit()
    assert.deepEqual(await values(topic), ['a1', 'a2', 'b1'])
  })

  it('finishes a topic of a thousand transactions, the last offset of which is a marker', async () => {
    const topic = await newTopic()
    const producer = await transactional()
    const expected: string[] = []
    for (let index = 0; index < 1000; index++) {
      const transaction = await producer.transaction()
      await send(transaction, topic, `${index}`)
      if (index % 100 === 99) await transaction.abort()
      else {
        await transaction.commit()
        expected.push(`${index}`)
      }
    }
    assert.deepEqual(await values(topic), expected)
  })

  it('begins at the beginning, the end, an offset or a time, in every partition', async () => {
    const topic = await newTopic(2)
    const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
    clients.push(client)
    const producer = client.producer()
    await producer.connect()
    const messages = [0, 1, 2, 3].flatMap(index =>
      [0, 1].map(partition => ({
        ...textRecord(topic, `${partition}-${index}`, partition),
        timestampMs: 1_000 + index,
      })),
    )
    await producer.sendBatch({ topicMessages: [{ topic, messages: messages as never }] })
    const readFrom = async (from: From) => {
      const found: string[] = []
      const signal = AbortSignal.timeout(20_000)
      const kafka = { brokers: [brokers] }
      for await (const batch of readCommitted({
        ...parts,
        kafka,
        topics: [topic],
        from,
        until: 'end',
        signal,
      })) {
        found.push(...batch.map(({ value }) => String(value)))
      }
      return found.toSorted()
    }
    assert.equal((await readFrom('beginning')).length, 8)
    assert.deepEqual(await readFrom('end'), [])
    assert.deepEqual(await readFrom({ offset: 3 }), ['0-3', '1-3'])
    assert.equal((await readFrom({ offset: 0 })).length, 8)
    assert.deepEqual(await readFrom({ offset: 99 }), [])
    assert.deepEqual(await readFrom({ timeMs: 1_002 }), ['0-2', '0-3', '1-2', '1-3'])
    assert.deepEqual(await readFrom({ timeMs: 9_000 }), [])
  })

  it('follows what comes until it is told to end', async () => {
    const topic = await newTopic()
    const producer = await transactional()
    const controller = new AbortController()
    const found: string[] = []
    const kafka = { brokers: [brokers] }
    const reading = (async () => {
      const options = { ...parts, kafka, topics: [topic], from: 'beginning', until: 'never' } as const
      for await (const batch of readCommitted({ ...options, signal: controller.signal })) {
        found.push(...batch.map(({ value }) => String(value)))
      }
    })()
    for (const text of ['a', 'b']) {
      const transaction = await producer.transaction()
      await send(transaction, topic, text)
      await transaction.commit()
      await until(`${text} is read`, () => found.at(-1) === text)
    }
    controller.abort()
    await reading
    assert.deepEqual(found, ['a', 'b'])
  })

  it('names a topic that does not exist', async () => {
    await assert.rejects(readAll(brokers, [`missing-${randomUUID()}`]), { code: 'KAFKA_TOPIC_UNSUITABLE' })
  })

  it('gives up on a Kafka that stays away', async () => {
    const signal = new AbortController().signal
    const kafka = { brokers: ['127.0.0.1:1'] }
    const options = {
      ...parts,
      kafka,
      topics: ['t'],
      from: 'beginning',
      until: 'end',
      patienceMs: 100,
    } as const
    await assert.rejects(readCommitted({ ...options, signal }).next(), { code: 'KAFKA_UNREACHABLE' })
  })
})
