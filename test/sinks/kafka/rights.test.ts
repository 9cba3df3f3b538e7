import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { checkKafka } from '../../../core/sinks/kafka/check.ts'
import { type Admin, KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { transactionalIdOf } from '../../../core/sinks/kafka/sink.ts'
import { KafkaTopics } from '../../../core/sinks/kafka/topics.ts'
import { type RunningService, startService } from '../../services/index.ts'
import { kafkaHarness, parts, textRecord } from './harness.ts'

// By their numbers in Kafka's protocol.
const TOPIC = 2
const TRANSACTIONAL_ID = 5
const READ = 3
const DESCRIBE = 8
const DENY = 2
const ALLOW = 3
const LITERAL = 3

describe('a Kafka with rights', () => {
  let broker: RunningService
  let client: KafkaClient
  let admin: Admin
  let acl: (
    resource: [type: number, name: string],
    operation: number,
    permissionType: number,
  ) => Promise<unknown>

  before(async () => {
    broker = await startService('kafka', {
      settings: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'allow.everyone.if.no.acl.found': 'true',
      },
    })
    client = new KafkaClient({ brokers: [broker.url] }, parts.log)
    admin = client.admin()
    await admin.connect()
    acl = ([resourceType, resourceName], operation, permissionType) =>
      admin.createAcls({
        acl: [
          {
            principal: 'User:ANONYMOUS',
            host: '*',
            resourceType,
            resourceName,
            resourcePatternType: LITERAL,
            operation,
            permissionType,
          },
        ],
      })
  })
  after(async () => {
    client.destroy()
    await broker.stop()
  })

  const check = (connector: string) =>
    checkKafka({
      signal: new AbortController().signal,
      ...parts,
      kafka: { brokers: [broker.url] },
      connector,
      topicPrefix: connector,
      checkpointTopic: `${connector}.checkpoint`,
      partitions: 1,
      delivery: 'exactly-once',
    })

  it('is found to lack the right to write to a topic, with the command that grants it', async () => {
    const topics = new KafkaTopics({ ...parts, kafka: { brokers: [broker.url] }, partitions: 1 })
    await topics.ensureTopic('a.t')
    await acl([TOPIC, 'a.t'], DESCRIBE, ALLOW)
    await acl([TOPIC, 'a.t'], READ, ALLOW)
    const lacking = (await check('a')).find(({ severity }) => severity === 'failure')
    assert.deepEqual(lacking, {
      severity: 'failure',
      subject: 'topic a.t',
      message: 'this user lacks the right Write',
      fix:
        `kafka-acls.sh --bootstrap-server ${broker.url} --add --allow-principal User:USER ` +
        '--operation Write --topic a.t',
    })
    topics.close()
  })

  it('is found to refuse the transactional id, and stops the sink at its opening', async () => {
    const harness = await kafkaHarness('exactly-once', broker.url)
    const connector = harness.topic.slice(0, -2)
    const id = transactionalIdOf(connector)
    await acl([TRANSACTIONAL_ID, id], DESCRIBE, DENY)
    const finding = (await check(connector)).find(({ subject }) => subject === `transactional id ${id}`)
    assert.equal(finding?.severity, 'failure')
    assert.match(finding.fix ?? '', new RegExp(`--operation Write --transactional-id ${id}$`))
    await assert.rejects(harness.sink().open(), { code: 'KAFKA_REFUSED' })
    await harness.close()
  })

  it('refuses a write to a topic that may not be written to, and nothing of it can be seen', async () => {
    const harness = await kafkaHarness('exactly-once', broker.url)
    const sink = harness.sink()
    await sink.open()
    await acl([TOPIC, harness.keylessTopic], DESCRIBE, ALLOW)
    await acl([TOPIC, harness.keylessTopic], READ, ALLOW)
    const records = [textRecord(harness.topic, 'a'), textRecord(harness.keylessTopic, 'b')]
    // Kafka names either the topic's error or that of the other topics, which it did not look at.
    const message = /TOPIC_AUTHORIZATION_FAILED|OPERATION_NOT_ATTEMPTED/
    await assert.rejects(sink.write(records, {}), { message })
    await harness.sink().open()
    assert.deepEqual(await harness.visible(), [])
    const findings = await check(harness.topic.slice(0, -2))
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'failure').map(({ subject }) => subject),
      [`topic ${harness.keylessTopic}`],
    )
    await harness.close()
  })
})
