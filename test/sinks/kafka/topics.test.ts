import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { setTimeout as settle } from 'node:timers/promises'
import { silentLogger } from '../../../core/log.ts'
import { checkKafka } from '../../../core/sinks/kafka/check.ts'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { KafkaTopics } from '../../../core/sinks/kafka/topics.ts'
import { service } from '../../services/index.ts'
import { until } from '../../support/until.ts'
import { parts } from './harness.ts'

describe('topics', () => {
  let brokers: string
  let topics: KafkaTopics
  const newTopics = (partitions = 3) =>
    new KafkaTopics({ ...parts, kafka: { brokers: [brokers] }, partitions })

  before(async () => {
    brokers = (await service('kafka')).url
    topics = newTopics()
  })
  after(() => topics.close())

  const name = () => `test-topics-${randomUUID()}`

  it('are made compacted, with the partitions that are set', async () => {
    const topic = name()
    assert.equal(await topics.ensureTopic(topic), 3)
    const { cleanupPolicy, maxMessageBytes } = await topics.configOf(topic)
    assert.equal(cleanupPolicy, 'compact')
    assert.ok(maxMessageBytes >= 1_000_000)
  })

  it('that exist are left as they are, and their own count is told', async () => {
    const topic = name()
    await topics.ensureTopic(topic, { partitions: 2, isKeyless: true })
    const later = newTopics(8)
    assert.equal(await later.ensureTopic(topic), 2)
    assert.equal((await later.configOf(topic)).cleanupPolicy, 'delete')
    later.close()
  })

  it('may be made by two at once', async () => {
    const topic = name()
    const others = [newTopics(), newTopics(), newTopics()]
    const counts = await Promise.all(others.map(each => each.ensureTopic(topic)))
    assert.deepEqual(counts, [3, 3, 3])
    for (const each of others) each.close()
  })

  it('that cannot be made are KAFKA_TOPIC_UNSUITABLE, with Kafka’s reason', async () => {
    const rejection = { code: 'KAFKA_TOPIC_UNSUITABLE', message: /INVALID_REPLICATION_FACTOR/ }
    await assert.rejects(topics.ensureTopic(name(), { replication: 99 }), rejection)
    await assert.rejects(topics.ensureTopic('no/such name'), { code: 'KAFKA_TOPIC_UNSUITABLE' })
  })

  it('that a broker has not heard of yet are asked for again', async t => {
    const topic = name()
    await topics.ensureTopic(topic)
    const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
    t.after(() => client.destroy())
    const admin = client.admin()
    await admin.deleteTopics({ topics: [topic] })
    // Deletion is told before the broker has carried it out.
    await until('the topic is gone', async () => !(await admin.listTopics()).includes(topic))
    const asking = topics.configOf(topic)
    const early = await Promise.race([
      asking.catch((error: unknown) => error),
      settle(300).then(() => 'waits'),
    ])
    assert.equal(early, 'waits')
    const maker = newTopics()
    await maker.ensureTopic(topic)
    maker.close()
    assert.equal((await asking).cleanupPolicy, 'compact')
  })

  it('are waited for when Kafka is away: KAFKA_UNREACHABLE', async () => {
    const away = new KafkaTopics({ ...parts, kafka: { brokers: ['127.0.0.1:1'] }, partitions: 1 })
    await assert.rejects(away.ensureTopic(name()), { code: 'KAFKA_UNREACHABLE' })
    away.close()
  })

  describe('check', () => {
    const check = (connector: string, options: { replication?: number; brokers?: string } = {}) =>
      checkKafka({
        signal: new AbortController().signal,
        ...parts,
        kafka: { brokers: [options.brokers ?? brokers] },
        connector,
        topicPrefix: connector,
        checkpointTopic: `${connector}.checkpoint`,
        partitions: 3,
        replication: options.replication,
        delivery: 'exactly-once',
      })

    it('finds nothing wrong when there is no topic yet, and makes none', async () => {
      const connector = name()
      const findings = await check(connector)
      assert.ok(findings.every(({ severity }) => severity === 'ok'))
      const checkpoint = findings.find(({ subject }) => subject === `topic ${connector}.checkpoint`)
      assert.equal(checkpoint?.message, 'does not exist; will be created')
      assert.deepEqual(await check(connector), findings)
    })

    it('finds nothing wrong with topics as they are made', async () => {
      const connector = name()
      await topics.ensureTopic(`${connector}.checkpoint`, { partitions: 1 })
      await topics.ensureTopic(`${connector}.keyed`)
      await topics.ensureTopic(`${connector}.keyless`, { isKeyless: true })
      const findings = await check(connector)
      assert.deepEqual(new Set(findings.map(({ severity }) => severity)), new Set(['ok']))
      assert.equal(findings.filter(({ subject }) => subject.startsWith(`topic ${connector}.`)).length, 3)
    })

    it('names what is wrong with topics that exist, with the command that mends it', async () => {
      const connector = name()
      await topics.ensureTopic(`${connector}.checkpoint`, { partitions: 1, isKeyless: true })
      await topics.ensureTopic(`${connector}.a`, { partitions: 1 })
      const wrong = (await check(connector)).filter(({ severity }) => severity !== 'ok')
      const of = (topic: string) => wrong.filter(({ subject }) => subject === `topic ${connector}.${topic}`)
      assert.equal(wrong.length, 2)
      assert.deepEqual(
        of('checkpoint').map(({ severity, fix }) => [severity, fix]),
        [
          [
            'failure',
            `kafka-configs.sh --bootstrap-server ${brokers} --alter --entity-type topics ` +
              `--entity-name ${connector}.checkpoint --add-config cleanup.policy=compact`,
          ],
        ],
      )
      assert.deepEqual(
        of('a').map(({ severity, fix }) => [severity, fix]),
        [
          [
            'warning',
            `kafka-topics.sh --bootstrap-server ${brokers} --alter --topic ${connector}.a --partitions 3`,
          ],
        ],
      )
    })

    it('says that more replicas are wanted than there are brokers', async () => {
      const findings = await check(name(), { replication: 2 })
      const finding = findings.find(({ subject }) => subject === 'topics.replication')
      assert.equal(finding?.severity, 'failure')
      assert.equal(finding.fix, 'topics: { replication: 1 }')
    })

    it('says that no broker can be reached', async () => {
      const [finding, ...others] = await check(name(), { brokers: '127.0.0.1:1' })
      assert.equal(others.length, 0)
      assert.equal(finding?.severity, 'failure')
    })
  })
})
