import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { beginTenure } from '../../../core/sinks/kafka/tenure.ts'
import { type KafkaHarness, kafkaHarness, parts, refusal, textRecord } from './harness.ts'

const at = (position: string) => ({ stream: { position, epoch: 1 } })

describe('a worker that begins again', () => {
  let harness: KafkaHarness
  let client: KafkaClient

  beforeEach(async () => {
    harness = await kafkaHarness()
    client = new KafkaClient({ brokers: [harness.brokers] }, parts.log)
  })
  afterEach(async () => {
    client.destroy()
    await harness.close()
  })

  /** What a version before this one writes: it does not say who it is. */
  const unsigned = () => ({
    topic: harness.checkpointTopic,
    acks: -1,
    messages: [{ key: 'stream', value: '{"position":"other","epoch":1,"format":1}' }],
  })

  /** A sink of its own that writes this, and is closed. */
  async function write(records: number, checkpoint: object, tenure = beginTenure()) {
    const sink = harness.sink({ tenure })
    await sink.open()
    await sink.write(
      Array.from({ length: records }, (_, index) => textRecord(harness.topic, `${index}`)),
      { ...checkpoint },
    )
    await sink.close()
    return tenure
  }

  it('goes on behind its own writes, and behind those of another before them', async () => {
    await write(1, at('1'))
    // Without entries there is no write of its own by which to tell itself from the other.
    const tenure = await write(0, {})
    await write(1, at('2'), tenure)
    assert.deepEqual(await harness.sink({ tenure }).open(), at('2'))
  })

  it('stops behind the writes of another, also of one that does not say who it is', async () => {
    for (const other of [() => write(1, at('2')), writeUnsigned]) {
      const tenure = await write(1, at('1'))
      await other()
      const error = await refusal(harness.sink({ tenure }).open())
      assert.equal((error as { code?: string }).code, 'FENCED')
    }
  })

  async function writeUnsigned(): Promise<void> {
    const producer = client.producer()
    await producer.connect()
    await producer.send(unsigned())
  }

  it('waits for what another has not ended yet, although Kafka has nothing to tell of its own last write', async () => {
    const first = harness.sink()
    await first.open()
    await first.close()
    const producer = client.producer({ id: randomUUID(), timeoutMs: 30_000 })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send(unsigned())
    const opening = harness.sink().open()
    await Promise.race([opening, sleep(300)])
    await transaction.commit()
    assert.deepEqual(await opening, at('other'))
  })
})
