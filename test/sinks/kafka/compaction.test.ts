import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type RunningService, startService } from '../../services/index.ts'
import { until } from '../../support/until.ts'
import { kafkaHarness, readAll, textRecord, transactionsOver } from './harness.ts'

describe('a topic that compaction has gone over', () => {
  let broker: RunningService

  before(async () => {
    const settings = {
      'log.cleaner.backoff.ms': '100',
      'log.cleaner.min.cleanable.ratio': '0.01',
      'log.cleaner.delete.retention.ms': '100',
      'log.roll.ms': '200',
    }
    broker = await startService('kafka', { settings })
  })
  after(() => broker.stop())

  it('is read to its end, gaps and markers left without records notwithstanding', async () => {
    const harness = await kafkaHarness('exactly-once', broker.url)
    const sink = harness.sink()
    await sink.open()
    const write = (round: number) =>
      sink.write(
        [0, 1, 2].map(key => ({
          ...textRecord(harness.topic, `${key}`),
          value: Buffer.from(`${key} in ${round}`),
        })),
        { stream: { position: `${round}`, epoch: 1 } },
      )
    let round = 0
    const read = async () => {
      await write(++round)
      await transactionsOver(broker.url, [harness.topic])
      return readAll(broker.url, [harness.topic])
    }
    await until('compaction has taken most records', async () => {
      const records = await read()
      return round > 40 && records.length < round
    })
    const records = await readAll(broker.url, [harness.topic])
    const last = new Map(records.map(({ key, value }) => [String(key), String(value)]))
    assert.deepEqual(
      [...last.values()].toSorted(),
      [0, 1, 2].map(key => `${key} in ${round}`),
    )
    assert.deepEqual(await harness.sink().open(), { stream: { position: `${round}`, epoch: 1 } })
    await harness.close()
  })
})
