import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { transactionalIdOf } from '../../../core/sinks/kafka/sink.ts'
import { describeTopic, KafkaTopics } from '../../../core/sinks/kafka/topics.ts'
import type { Sink } from '../../../core/types.ts'
import { until } from '../../support/until.ts'
import { type KafkaHarness, kafkaHarness, parts, readAll, textRecord, transactionsOver } from './harness.ts'

const at = (position: string) => ({ stream: { position, epoch: 1 } })

describe('Kafka sink', () => {
  let harness: KafkaHarness
  let sink: Sink

  beforeEach(async () => {
    harness = await kafkaHarness()
    sink = harness.sink()
  })
  afterEach(async () => {
    await sink.close()
    await harness.close()
  })

  const readTopic = async () => {
    await transactionsOver(harness.brokers, [harness.topic])
    return readAll(harness.brokers, [harness.topic])
  }
  const limitTopic = async (bytes: number) => {
    const client = new KafkaClient({ brokers: [harness.brokers] }, parts.log)
    const admin = client.admin()
    await admin.connect()
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'max.message.bytes', value: `${bytes}` },
    ]
    const resource = { type: 2, name: harness.topic, configEntries }
    await admin.alterConfigs({ validateOnly: false, resources: [resource] })
    const inForce = async () => (await describeTopic(admin, harness.topic)).maxMessageBytes === bytes
    await until('the setting is in force', inForce)
    client.destroy()
  }
  const texts = async () => (await harness.visible()).map(({ value }) => value)

  it('splits what is too much for one batch, within one transaction', async () => {
    await sink.open()
    // Half a megabyte each that no compression makes smaller: two do not fit into one batch.
    const records = Array.from({ length: 7 }, (_, index) => ({
      ...textRecord(harness.topic, `${index}`),
      value: randomBytes(500_000),
    }))
    await sink.write(records, at('1'))
    const read = await readTopic()
    assert.deepEqual(
      read.map(({ key, value }) => [String(key), value?.length]),
      records.map(({ key, value }) => [String(key), value.length]),
    )
    const markers = read.at(-1)!.offset + 1 - read.length
    assert.equal(markers, 0, 'no marker of a transaction stands between the records')
  })

  it('refuses a record that its topic does not take, before anything of the write is sent', async () => {
    await sink.open()
    await limitTopic(1_000_000)
    await sink.write([textRecord(harness.topic, 'before')], at('1'))
    const end = (await readTopic()).at(-1)!.offset
    const large = { ...textRecord(harness.topic, 'large'), value: randomBytes(1_100_000) }
    await assert.rejects(sink.write([textRecord(harness.topic, 'small'), large], at('2')), {
      code: 'RECORD_TOO_LARGE',
      message: new RegExp(`${harness.topic} takes 11\\d{5} bytes.*max.message.bytes is 1000000`),
    })
    const next = harness.sink()
    assert.deepEqual(await next.open(), at('1'))
    await next.write([textRecord(harness.topic, 'after')], at('3'))
    await next.close()
    const read = await readTopic()
    // One offset between the two: the marker of the first transaction. Nothing was sent and aborted.
    assert.deepEqual(
      read.map(({ offset, value }) => [offset, String(value)]),
      [
        [end, 'before'],
        [end + 2, 'after'],
      ],
    )
  })

  it('takes a larger record once the topic does', async () => {
    await sink.open()
    await limitTopic(1_000_000)
    await sink.write([textRecord(harness.topic, 'before')], at('1'))
    await limitTopic(2_000_000)
    const value = randomBytes(1_100_000)
    await sink.write([{ ...textRecord(harness.topic, 'large'), value }], at('2'))
    assert.equal((await harness.visible()).length, 2)
  })

  it('makes batches no larger than a topic takes that takes little', async () => {
    await sink.open()
    await limitTopic(20_000)
    const records = Array.from({ length: 50 }, (_, index) => ({
      ...textRecord(harness.topic, `${index}`),
      value: randomBytes(3_000),
    }))
    await sink.write(records, at('1'))
    assert.equal((await harness.visible()).length, 50)
  })

  it('writes a record that its topic takes only because it is compressed', async () => {
    await sink.open()
    await limitTopic(1_000_000)
    const value = Buffer.alloc(3_000_000, 'tributary ')
    await sink.write([{ ...textRecord(harness.topic, 'k'), value }], at('1'))
    const [read] = await readTopic()
    assert.ok(read?.value?.equals(value))
  })

  it('stops on a record without a key for a compacted topic', async () => {
    await sink.open()
    await assert.rejects(sink.write([{ ...textRecord(harness.topic, 'a'), key: null }], at('1')), {
      code: 'KAFKA_TOPIC_UNSUITABLE',
      message: /INVALID_RECORD/,
    })
  })

  it('renews its producer between transactions and loses nothing by it', async () => {
    sink = harness.sink({ renewAfter: 10 })
    await sink.open()
    const expected: string[] = []
    for (let write = 0; write < 12; write++) {
      const records = [0, 1, 2].map(index => textRecord(harness.topic, `${write}-${index}`))
      await sink.write(records, at(`${write}`))
      expected.push(...records.map(({ value }) => String(value)))
    }
    assert.deepEqual(await texts(), expected)
    await sink.close()
    sink = harness.sink()
    assert.deepEqual(await sink.open(), at('11'))
  })

  it('ends the transaction that a dead worker left open, and reads the checkpoint before it', async () => {
    await sink.open()
    await sink.write([textRecord(harness.topic, 'a')], at('1'))
    await sink.close()
    const connector = harness.topic.slice(0, -2)
    const dead = new KafkaClient({ brokers: [harness.brokers] }, parts.log)
    const producer = dead.producer({ id: transactionalIdOf(connector), timeoutMs: 60_000 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.sendBatch({
      topicMessages: [harness.topic, harness.checkpointTopic].map(topic => ({
        topic,
        messages: [textRecord(topic, 'left open')] as never,
      })),
    })
    dead.destroy()
    const next = harness.sink()
    assert.deepEqual(await next.open(), at('1'))
    await next.write([textRecord(harness.topic, 'b')], at('2'))
    assert.deepEqual(await texts(), ['a', 'b'])
    await next.close()
  })

  it('takes two openings at once: one of them ends up fenced, the other writes', async () => {
    const sinks = [sink, harness.sink()]
    const opened = await Promise.allSettled(sinks.map(each => each.open()))
    const written = await Promise.allSettled(
      sinks.map(async (each, index) => {
        if (opened[index]?.status === 'fulfilled')
          await each.write([textRecord(harness.topic, `${index}`)], {})
        else throw new Error('was not opened')
      }),
    )
    assert.equal(written.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await texts()).length, 1)
    await sinks[1]?.close()
  })

  it('makes a checkpoint topic that stays short, for a start reads all of it', async () => {
    await sink.open()
    const client = new KafkaClient({ brokers: [harness.brokers] }, parts.log)
    const admin = client.admin()
    await admin.connect()
    const configNames = ['cleanup.policy', 'segment.bytes', 'delete.retention.ms']
    const resource = { type: 2, name: harness.checkpointTopic, configNames }
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
    client.destroy()
    const settings = resources[0]?.configEntries.map(({ configName, configValue }) => [
      configName,
      configValue,
    ])
    assert.deepEqual(Object.fromEntries(settings ?? []), {
      'cleanup.policy': 'compact',
      'segment.bytes': '4194304',
      'delete.retention.ms': '300000',
    })
  })

  it('refuses a checkpoint topic that forgets or that is divided', async () => {
    const topics = new KafkaTopics({ ...parts, kafka: { brokers: [harness.brokers] }, partitions: 2 })
    const unsuitable = [
      { name: 'forgets', shape: { partitions: 1, isKeyless: true } },
      { name: 'divided', shape: { partitions: 2 } },
    ]
    for (const { name, shape } of unsuitable) {
      const checkpointTopic = `${harness.topic}.${name}`
      await topics.ensureTopic(checkpointTopic, shape)
      const other = harness.sink({ checkpointTopic })
      await assert.rejects(other.open(), { code: 'KAFKA_TOPIC_UNSUITABLE' })
    }
    topics.close()
  })

  it('closes at once while a Kafka that is away is waited for', async () => {
    const away = harness.sink({ kafka: { brokers: ['127.0.0.1:1'] } })
    const opening = assert.rejects(away.open(), { code: 'KAFKA_UNREACHABLE' })
    const began = performance.now()
    await away.close()
    await opening
    assert.ok(performance.now() - began < 1_000)
  })

  it('leaves nothing running once it and its topics are closed', async () => {
    await sink.open()
    await sink.write([textRecord(harness.topic, 'a')], at('1'))
    await sink.close()
    await harness.close()
    const sockets = () => process.getActiveResourcesInfo().filter(name => name === 'TCPSocketWrap')
    await until('every connection is gone', () => sockets().length === 0)
  })
})
