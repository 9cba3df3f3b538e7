import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Broker, Cluster } from '../../../../../core/sinks/kafka/client.ts'
import type { FetchedPartition } from '../../../../../core/sinks/kafka/fetch.ts'
import { Places, type Until } from '../../../../../core/sinks/kafka/places.ts'

const EARLIEST = -2
const READ_UNCOMMITTED = 0
const COMMITTED_END = 3
const WRITTEN_END = 5

/** One partition of one topic, of which something is written that is not committed. */
const cluster = {
  connect: async () => undefined,
  addMultipleTargetTopics: async () => undefined,
  refreshMetadata: async () => undefined,
  findTopicPartitionMetadata: () => [{ partitionId: 0, leader: 1 }],
  findBroker: async () => ({
    listOffsets: async ({ isolationLevel, topics }: Parameters<Broker['listOffsets']>[0]) => {
      const latest = isolationLevel === READ_UNCOMMITTED ? WRITTEN_END : COMMITTED_END
      const offset = topics[0]?.partitions[0]?.timestamp === EARLIEST ? 0 : latest
      return { responses: [{ topic: 't', partitions: [{ partition: 0, offset: String(offset) }] }] }
    },
  }),
} as unknown as Cluster

const placesUntil = async (until: Until) => {
  const places = new Places(cluster, { topics: ['t'], from: 'beginning', until })
  await places.find()
  return places
}

const answer = (bytes: number, lastStableOffset: number): FetchedPartition => ({
  topic: 't',
  partition: 0,
  errorCode: 0,
  lastStableOffset,
  logStartOffset: 0,
  aborted: [],
  records: Buffer.alloc(bytes),
})

describe('where reading ends', () => {
  it('is what is committed, or all that is written, or nowhere', async () => {
    for (const [until, end] of [
      ['end', COMMITTED_END],
      ['written', WRITTEN_END],
      ['never', Infinity],
    ] as const) {
      assert.equal((await placesUntil(until)).at('t', 0).endOffset, end)
    }
  })

  it('has not come because a broker answers with nothing once or twice', async () => {
    const places = await placesUntil('end')
    for (let times = 0; times < 3; times++) places.noteAnswers([answer(0, COMMITTED_END)])
    assert.equal(places.unfinished.length, 1)
    places.noteAnswers([answer(100, COMMITTED_END)])
    for (let times = 0; times < 3; times++) places.noteAnswers([answer(0, COMMITTED_END)])
    assert.equal(places.unfinished.length, 1)
  })

  it('has come when nothing comes again and again: compaction has taken the rest', async () => {
    const places = await placesUntil('end')
    for (let times = 0; times < 4; times++) places.noteAnswers([answer(0, COMMITTED_END)])
    assert.equal(places.unfinished.length, 0)
  })

  it('has not come because answers lack the partition, as they do when a quota is used up', async () => {
    const places = await placesUntil('written')
    for (let times = 0; times < 10; times++) places.noteAnswers([])
    assert.equal(places.unfinished.length, 1)
  })

  it('has not come while a transaction that is to be waited for is under way', async () => {
    const places = await placesUntil('written')
    for (let times = 0; times < 10; times++) places.noteAnswers([answer(0, COMMITTED_END)])
    for (let times = 0; times < 3; times++) places.noteAnswers([answer(0, WRITTEN_END)])
    assert.equal(places.unfinished.length, 1)
    places.noteAnswers([answer(0, WRITTEN_END)])
    assert.equal(places.unfinished.length, 0)
  })
})
