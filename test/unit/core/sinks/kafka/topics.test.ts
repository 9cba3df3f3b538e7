import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Admin } from '../../../../../core/sinks/kafka/client.ts'
import { createTopic } from '../../../../../core/sinks/kafka/topics.ts'

type Asked = Parameters<Admin['createTopics']>[0]

/** A Kafka that allows no segments of a size of our own, and says so as the client tells it. */
function strictAdmin(type: string) {
  const asked: string[][] = []
  const createTopics = async ({ topics }: Asked) => {
    const names = (topics[0]?.configEntries ?? []).map(({ name }) => name)
    asked.push(names)
    if (names.includes('segment.bytes')) throw Object.assign(new Error('refused'), { type })
    return true
  }
  return { admin: { createTopics }, asked }
}

const shape = { partitions: 1, isCheckpoint: true }

describe('a checkpoint topic', () => {
  it('is made with the usual files where a policy forbids short ones', async () => {
    for (const type of ['POLICY_VIOLATION', 'INVALID_CONFIG']) {
      const { admin, asked } = strictAdmin(type)
      assert.equal(await createTopic(admin, 'c.checkpoint', shape), true)
      assert.deepEqual(asked, [
        ['cleanup.policy', 'segment.bytes', 'delete.retention.ms'],
        ['cleanup.policy'],
      ])
    }
  })

  it('is not made otherwise for another reason', async () => {
    const { admin, asked } = strictAdmin('TOPIC_AUTHORIZATION_FAILED')
    await assert.rejects(createTopic(admin, 'c.checkpoint', shape), { type: 'TOPIC_AUTHORIZATION_FAILED' })
    assert.equal(asked.length, 1)
  })
})
