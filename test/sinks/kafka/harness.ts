import { randomUUID } from 'node:crypto'
import { systemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'
import { type CommittedRecord, readCommitted } from '../../../core/sinks/kafka/reader.ts'
import { createKafkaSink, type KafkaSinkOptions } from '../../../core/sinks/kafka/sink.ts'
import { KafkaTopics } from '../../../core/sinks/kafka/topics.ts'
import type { OutRecord, Sink } from '../../../core/types.ts'
import type { SinkHarness, VisibleRecord } from '../../contract/sink.ts'
import { service } from '../../services/index.ts'
import { until } from '../../support/until.ts'

type Delivery = KafkaSinkOptions['delivery']

/** A connector of its own on the shared Kafka. */
export interface KafkaHarness extends SinkHarness {
  readonly brokers: string
  readonly checkpointTopic: string
  readonly topics: KafkaTopics
  sink(overrides?: Partial<KafkaSinkOptions>): Sink
}

export const parts = { clock: systemClock, log: silentLogger }

export async function kafkaHarness(
  delivery: Delivery = 'exactly-once',
  broker?: string,
): Promise<KafkaHarness> {
  const brokers = broker ?? (await service('kafka')).url
  const kafka = { brokers: [brokers] }
  const connector = `test-${randomUUID()}`
  const names = {
    topic: `${connector}.a`,
    keylessTopic: `${connector}.b`,
    checkpointTopic: `${connector}.checkpoint`,
  }
  const topics = new KafkaTopics({ ...parts, kafka, partitions: 2 })
  await topics.ensureTopic(names.topic)
  await topics.ensureTopic(names.keylessTopic, { isKeyless: true })
  const { checkpointTopic } = names
  const sinks: Sink[] = []
  return {
    ...names,
    brokers,
    topics,
    sink: overrides => {
      const options = { ...parts, kafka, connector, checkpointTopic, delivery, topics, ...overrides }
      const sink = createKafkaSink(options)
      sinks.push(sink)
      return sink
    },
    visible: () => readVisible(brokers, [names.topic, names.keylessTopic]),
    refused: (sink, record) => refusal(sink.write([record, { ...record, partition: 99 }], {})),
    close: async () => {
      await Promise.all(sinks.map(sink => sink.close()))
      topics.close()
    },
  }
}

export async function refusal(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  )
}

export async function readAll(brokers: string, topics: readonly string[]): Promise<CommittedRecord[]> {
  const signal = AbortSignal.timeout(30_000)
  const batches = readCommitted({
    ...parts,
    kafka: { brokers: [brokers] },
    topics,
    from: 'beginning',
    until: 'end',
    signal,
  })
  const records: CommittedRecord[] = []
  for await (const batch of batches) records.push(...batch)
  signal.throwIfAborted()
  return records
}

/**
 * Resolves when every transaction in these topics is over. Kafka answers a commit once it is certain; the markers
 * that let readers see it come a little later.
 */
export async function transactionsOver(brokers: string, topics: readonly string[]): Promise<void> {
  const client = new KafkaClient({ brokers: [brokers] }, parts.log)
  const cluster = client.cluster()
  await cluster.connect()
  await cluster.addMultipleTargetTopics(topics)
  const broker = await cluster.findBroker({ nodeId: cluster.getNodeIds()[0] ?? '0' })
  const places = topics.map(topic => ({
    topic,
    partitions: cluster
      .findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => ({ partition: partitionId, timestamp: LATEST })),
  }))
  const ends = async (isolationLevel: number) => {
    const { responses } = await broker.listOffsets({ isolationLevel, topics: places })
    return responses
      .flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => `${topic}/${partition}:${offset}`),
      )
      .toSorted()
      .join()
  }
  await until('transactions are over', async () => (await ends(UNCOMMITTED)) === (await ends(COMMITTED)))
  client.destroy()
}

const LATEST = -1
const UNCOMMITTED = 0
const COMMITTED = 1

async function readVisible(brokers: string, topics: readonly string[]): Promise<VisibleRecord[]> {
  await transactionsOver(brokers, topics)
  const records = await readAll(brokers, topics)
  return records.map(({ topic, partition, key, value, headers, timestampMs }) => ({
    topic,
    partition,
    key: key?.toString() ?? null,
    value: value?.toString() ?? null,
    headers: Object.fromEntries(headers.map(header => [header.name, String(header.value)])),
    timestampMs,
  }))
}

/** A record with this text as its value, on partition 0 unless told. */
export function textRecord(topic: string, text: string, partition = 0): OutRecord {
  return {
    topic,
    partition,
    key: Buffer.from(text),
    value: Buffer.from(text),
    timestampMs: 1_780_000_000_000,
  }
}
