import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { checkpointRecords } from '../../../core/sinks/kafka/checkpoint.ts'
import { type Broker, KafkaClient, type ProducerIdentity } from '../../../core/sinks/kafka/client.ts'
import { askForCoordinator } from '../../../core/sinks/kafka/coordinator.ts'
import { isKafkaError } from '../../../core/sinks/kafka/errors.ts'
import { transactionalIdOf } from '../../../core/sinks/kafka/sink.ts'
import { beginTenure } from '../../../core/sinks/kafka/tenure.ts'
import type { OutRecord } from '../../../core/types.ts'
import { type RunningService, startService } from '../../services/index.ts'
import { type KafkaHarness, kafkaHarness, parts, refusal, textRecord } from './harness.ts'

const at = (position: string) => ({ stream: { position, epoch: 1 } })
const valuesOf = async (harness: KafkaHarness) => (await harness.visible()).map(({ value }) => value)

/** What the client's broker has beside what we use of it. */
interface Producing extends Broker {
  produce(request: object): Promise<unknown>
}

/**
 * Leaves a transaction as a coordinator does that was restarted and found no leader: decided, and without its markers
 * in the partitions that it wrote to. Decided by a transaction that holds another topic, since Kafka would else end it
 * well; the broker is told not to mind that.
 */
async function leaveHanging(
  harness: KafkaHarness,
  ends: 'committed' | 'aborted' | 'undecided',
  worker = 'dead',
): Promise<void> {
  const { brokers, checkpointTopic, keylessTopic, topic } = harness
  const transactionalId = transactionalIdOf(checkpointTopic.slice(0, -'.checkpoint'.length))
  const client = new KafkaClient({ brokers: [brokers] }, parts.log)
  try {
    const broker = (await askForCoordinator(client.cluster(), transactionalId)) as Producing
    const identity = await beginProducer(broker, transactionalId)
    const transaction = { ...identity, transactionalId }
    if (ends !== 'undecided') {
      await broker.addPartitionsToTxn({ ...transaction, topics: [{ topic: keylessTopic, partitions: [0] }] })
    }
    const written = { topic: checkpointTopic, worker, nowMs: Date.now() }
    const records: [string, OutRecord[]][] = [
      [topic, [textRecord(topic, '1')]],
      [checkpointTopic, checkpointRecords(at('1'), written)],
    ]
    await broker.produce({
      ...transaction,
      acks: -1,
      timeout: 10_000,
      topicData: records.map(([name, messages]) => ({
        topic: name,
        partitions: [{ partition: 0, firstSequence: 0, messages }],
      })),
    })
    if (ends !== 'undecided') await broker.endTxn({ ...transaction, transactionResult: ends === 'committed' })
  } finally {
    client.destroy()
  }
}

/** Once the markers of the transaction before are written. */
async function beginProducer(broker: Broker, transactionalId: string): Promise<ProducerIdentity> {
  for (;;) {
    try {
      return await broker.initProducerId({ transactionalId, transactionTimeout: 30_000 })
    } catch (error) {
      if (!isKafkaError(error, 'CONCURRENT_TRANSACTIONS')) throw error
    }
  }
}

/** With a first write that is in order. */
async function writeOnce(harness: KafkaHarness): Promise<void> {
  const sink = harness.sink()
  assert.deepEqual(await sink.open(), {})
  await sink.write([textRecord(harness.topic, '0')], at('0'))
  await sink.close()
}

describe('a transaction whose end Kafka has lost', { concurrency: true }, () => {
  let kafka: RunningService

  before(async () => {
    kafka = await startService('kafka', {
      settings: { 'transaction.partition.verification.enable': 'false' },
    })
  })
  after(() => kafka.stop())

  it('is committed by the next sink when that was decided, and written behind', async () => {
    const harness = await kafkaHarness('exactly-once', kafka.url)
    await writeOnce(harness)
    await leaveHanging(harness, 'committed')
    const sink = harness.sink()
    assert.deepEqual(await sink.open(), at('1'))
    assert.deepEqual(await valuesOf(harness), ['0', '1'])
    await sink.write([textRecord(harness.topic, '2')], at('2'))
    assert.deepEqual(await valuesOf(harness), ['0', '1', '2'])
    await harness.close()
  })

  it('is not taken for a takeover by the worker that wrote it, although it sees nothing but what was before', async () => {
    const harness = await kafkaHarness('exactly-once', kafka.url)
    await writeOnce(harness)
    const tenure = beginTenure()
    const sink = harness.sink({ tenure })
    await sink.open()
    await sink.close()
    await leaveHanging(harness, 'committed', tenure.worker)
    tenure.hasWritten = true
    assert.deepEqual(await harness.sink({ tenure }).open(), at('1'))
    await harness.close()
  })

  it('is aborted by the next sink when that was decided, and not seen', async () => {
    const harness = await kafkaHarness('exactly-once', kafka.url)
    await writeOnce(harness)
    await leaveHanging(harness, 'aborted')
    const sink = harness.sink()
    assert.deepEqual(await sink.open(), at('0'))
    await sink.write([textRecord(harness.topic, '1')], at('1'))
    assert.deepEqual(await valuesOf(harness), ['0', '1'])
    await harness.close()
  })

  it('stops the sink when nobody knows what was decided', async () => {
    const harness = await kafkaHarness('exactly-once', kafka.url)
    await writeOnce(harness)
    await leaveHanging(harness, 'undecided')
    const error = await refusal(harness.sink().open())
    assert.equal((error as { code?: string }).code, 'KAFKA_TRANSACTION_HANGS')
    await harness.close()
  })
})
