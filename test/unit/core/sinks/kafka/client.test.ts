import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, it } from 'node:test'
import '../../../../../core/sinks/kafka/client.ts'
import { readBatches, readRecords } from '../../../../../core/sinks/kafka/record-decoder.ts'
import { createCoordinatorLookup } from '../../../../../core/sinks/kafka/replacements.ts'
import { until } from '../../../../support/until.ts'

const require = createRequire(import.meta.url)
const ours = { topic: 't', partition: 1, key: null, value: Buffer.from('v'), timestampMs: 5 }
const theirs = { partition: 0, key: 'k', value: 'v', timestamp: '5' }
const grouping = require('kafkajs/src/producer/groupMessagesPerPartition')
const options = { topic: 't', partitionMetadata: [{}], partitioner: () => 0 }

describe('the Kafka client’s inner parts', () => {
  it('are those of the one version that they were read in', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../../../package.json', import.meta.url), 'utf8'))
    assert.equal(manifest.dependencies.kafkajs, '2.2.4')
    assert.equal(require('kafkajs/package.json').version, '2.2.4')
  })

  it('group our records by their own partition, in order, and other messages as before', () => {
    const second = { ...ours, partition: 0 }
    const third = { ...ours }
    const groups = grouping({ ...options, messages: [ours, second, third] })
    assert.deepEqual(Object.keys(groups), ['0', '1'])
    assert.equal(groups[1][0], ours)
    assert.equal(groups[1][1], third)
    assert.deepEqual(grouping({ ...options, messages: [theirs] }), { 0: [theirs] })
  })

  it('make every produce request that a broker can ask for with our encoder', async () => {
    const produce = require('kafkajs/src/protocol/requests/produce')
    for (const version of [3, 4, 5, 6, 7]) {
      const { request } = produce.protocol({ version })({
        acks: -1,
        timeout: 30_000,
        transactionalId: 'id',
        producerId: '7',
        producerEpoch: 2,
        topicData: [{ topic: 't', partitions: [{ partition: 1, firstSequence: 9, messages: [ours] }] }],
      })
      assert.equal(request.apiKey, 0)
      assert.equal(request.apiVersion, version)
      const { buffer } = await request.encode()
      const head =
        '0002' + '6964' + 'ffff' + '00007530' + '00000001' + '0001' + '74' + '00000001' + '00000001'
      assert.equal(buffer.subarray(0, head.length / 2).toString('hex'), head)
      const [batch] = readBatches(buffer.subarray(head.length / 2 + 4))
      assert.equal(batch?.producerId, 7n)
      assert.deepEqual(
        readRecords(batch, 0).map(({ value }) => String(value)),
        ['v'],
      )
    }
  })

  it('leave other messages to the client’s own encoder', async () => {
    const produce = require('kafkajs/src/protocol/requests/produce')
    const { request } = produce.protocol({ version: 7 })({
      acks: -1,
      timeout: 30_000,
      compression: 0,
      topicData: [{ topic: 't', partitions: [{ partition: 0, messages: [theirs] }] }],
    })
    const { buffer } = await request.encode()
    const headBytes = 2 + 2 + 4 + 4 + 3 + 4 + 4 + 4
    const [batch] = readBatches(buffer.subarray(headBytes))
    assert.equal(String(readRecords(batch!, 0)[0]?.key), 'k')
  })

  it('have the seams that we call through', () => {
    const Cluster = require('kafkajs/src/cluster')
    for (const method of [
      'addMultipleTargetTopics',
      'findBroker',
      'findTopicPartitionMetadata',
      'getNodeIds',
    ]) {
      assert.equal(typeof Cluster.prototype[method], 'function', method)
    }
    const Broker = require('kafkajs/src/broker')
    for (const method of ['listOffsets', 'findGroupCoordinator'])
      assert.equal(typeof Broker.prototype[method], 'function')
    const RequestQueue = require('kafkajs/src/network/requestQueue')
    assert.equal(RequestQueue.prototype.scheduleCheckPendingRequests.name, 'scheduleCheckPendingRequests')
    assert.equal(typeof require('kafkajs/src/protocol/requests/fetch').protocol({ version: 11 }), 'function')
    assert.equal(require('kafkajs/src/network/connection').prototype.isAuthenticated.name, 'isAuthenticated')
    assert.equal(Cluster.prototype.findGroupCoordinatorMetadata.name, 'findGroupCoordinatorMetadata')
  })

  it('ask once a second who coordinates, for each cluster and id, and again at once after a failure', async () => {
    let asked = 0
    let fails = true
    const lookUp = createCoordinatorLookup(async () => {
      asked++
      if (fails) throw new Error('not now')
      return { coordinator: asked }
    })
    const question = { groupId: 'a', coordinatorType: 1 }
    const cluster = {}
    await assert.rejects(lookUp.call(cluster, question), /not now/)
    fails = false
    assert.deepEqual(await lookUp.call(cluster, question), { coordinator: 2 })
    assert.deepEqual(await lookUp.call(cluster, question), { coordinator: 2 })
    assert.deepEqual(await lookUp.call(cluster, { ...question, groupId: 'b' }), { coordinator: 3 })
    assert.deepEqual(await lookUp.call({}, question), { coordinator: 4 })
    await until('the answer is too old', async () => {
      const answer = (await lookUp.call(cluster, question)) as { coordinator: number }
      return answer.coordinator === 5
    })
  })

  it('take a login for good a moment after it, however short it counts', () => {
    const Connection = require('kafkajs/src/network/connection')
    const logger = { namespace: () => ({ debug: () => undefined }) }
    const connection = new Connection({ host: 'h', port: 1, logger, requestTimeout: 1 })
    assert.equal(connection.isAuthenticated(), false)
    const ago = (seconds: number) => [process.hrtime()[0] - seconds, 0]
    const Long = require('kafkajs/src/utils/long')
    connection.sessionLifetime = Long.fromValue(1000)
    connection.authenticatedAt = process.hrtime()
    assert.equal(connection.isAuthenticated(), true)
    connection.authenticatedAt = ago(5)
    assert.equal(connection.isAuthenticated(), false)
  })

  it('set no timer for a request queue in which nothing waits', () => {
    const RequestQueue = require('kafkajs/src/network/requestQueue')
    const queue = new RequestQueue({ logger: { debug: () => undefined }, requestTimeout: 1 })
    queue.checkPendingRequests()
    assert.equal(queue.throttleCheckTimeoutId, null)
  })
})
