import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { readCommitted } from '../../../core/sinks/kafka/reader.ts'
import { type RunningService, startService } from '../../services/index.ts'
import { until } from '../../support/until.ts'
import { kafkaHarness, parts, refusal, textRecord } from './harness.ts'

const at = (position: string) => ({ stream: { position, epoch: 1 } })

describe('a broker that is killed and comes back', () => {
  let broker: RunningService

  before(async () => {
    broker = await startService('kafka')
  })
  after(() => broker.stop())

  it('fails the write in progress, and the next sink goes on where the checkpoint says', async () => {
    const harness = await kafkaHarness('exactly-once', broker.url)
    const sink = harness.sink()
    await sink.open()
    await sink.write([textRecord(harness.topic, '0')], at('0'))
    await broker.kill()
    const error = await refusal(sink.write([textRecord(harness.topic, '1')], at('1')))
    assert.ok(error instanceof Error && 'code' in error)
    assert.ok(error.code === 'KAFKA_UNREACHABLE' || error.code === 'KAFKA_WRITE_FAILED', String(error.code))
    await sink.close()
    await broker.restart()
    const next = harness.sink()
    assert.deepEqual(await next.open(), at('0'))
    await next.write([textRecord(harness.topic, '1')], at('1'))
    assert.deepEqual(
      (await harness.visible()).map(({ value }) => value),
      ['0', '1'],
    )
    await harness.close()
  })

  it('does not end a reader that follows, and costs it nothing', async () => {
    const harness = await kafkaHarness('exactly-once', broker.url)
    const found: string[] = []
    const controller = new AbortController()
    const reading = (async () => {
      const options = {
        ...parts,
        kafka: { brokers: [broker.url] },
        topics: [harness.topic],
        from: 'beginning',
        until: 'never',
      } as const
      for await (const batch of readCommitted({ ...options, signal: controller.signal })) {
        found.push(...batch.map(({ value }) => String(value)))
      }
    })()
    const write = async (text: string) => {
      const sink = harness.sink()
      await sink.open()
      await sink.write([textRecord(harness.topic, text)], at(text))
      await sink.close()
    }
    await write('before')
    await until('the first record is read', () => found.length === 1)
    await broker.kill()
    await broker.restart()
    await write('after')
    await until('the second record is read', () => found.length === 2)
    controller.abort()
    await reading
    assert.deepEqual(found, ['before', 'after'])
    await harness.close()
  })
})
