import { randomBytes, randomUUID } from 'node:crypto'
import { systemClock } from '../core/clock.ts'
import { silentLogger } from '../core/log.ts'
import { createKafkaSink } from '../core/sinks/kafka/sink.ts'
import { KafkaTopics } from '../core/sinks/kafka/topics.ts'
import type { OutRecord } from '../core/types.ts'
import { service, stopServices } from '../test/services/index.ts'

// What the Kafka sink alone can do: records per second and processor time per record of `write`, one transaction
// after the other, with values of 260 bytes that are as varied as rows are. About a minute.

const VALUE_BYTES = 260
const ROUND_MS = 4_000
const ROUNDS = 2

interface Case {
  readonly topics: number
  readonly records: number
}

const CASES: readonly Case[] = [
  { topics: 1, records: 100 },
  { topics: 1, records: 1000 },
  { topics: 1, records: 5000 },
  { topics: 8, records: 100 },
  { topics: 8, records: 1000 },
  { topics: 8, records: 5000 },
]

/** Half of it hex digits that do not repeat, half names that do. */
function rowText(index: number): Buffer {
  const varied = randomBytes(64).toString('hex')
  const text = `{"id":${index},"customer":"${varied}","created_at":"2026-05-06T07:08:09.${index}Z","note":"`
  return Buffer.from(`${text.padEnd(VALUE_BYTES - 2, 'lorem ipsum ')}"}`)
}

function recordsFor({ topics, records }: Case, prefix: string, partitions: number): OutRecord[] {
  return Array.from({ length: records }, (_, index) => ({
    topic: `${prefix}.t${index % topics}`,
    partition: Math.floor(index / topics) % partitions,
    key: Buffer.from(`key-${index}`.padEnd(16, '0')),
    value: rowText(index),
    timestampMs: 1_780_000_000_000 + index,
  }))
}

async function measure(brokers: string, each: Case): Promise<void> {
  const prefix = `bench-${randomUUID()}`
  const partitions = 4
  const kafka = { brokers: [brokers] }
  const common = { kafka, clock: systemClock, log: silentLogger }
  const topics = new KafkaTopics({ ...common, partitions })
  const sink = createKafkaSink({
    ...common,
    connector: prefix,
    checkpointTopic: `${prefix}.checkpoint`,
    delivery: 'exactly-once',
    topics,
  })
  await sink.open()
  for (let topic = 0; topic < each.topics; topic++) await topics.ensureTopic(`${prefix}.t${topic}`)
  const records = recordsFor(each, prefix, partitions)
  const write = (position: number) => sink.write(records, { stream: { position: `${position}`, epoch: 1 } })
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now()
    const cpu = process.cpuUsage()
    const times: number[] = []
    while (performance.now() - began < ROUND_MS) {
      const start = performance.now()
      await write(times.length)
      times.push(performance.now() - start)
    }
    report({
      each,
      times,
      ms: performance.now() - began,
      cpuUs: process.cpuUsage(cpu).user + process.cpuUsage(cpu).system,
    })
  }
  await sink.close()
  topics.close()
}

function report(run: { each: Case; times: number[]; ms: number; cpuUs: number }): void {
  const written = run.times.length * run.each.records
  const sorted = run.times.toSorted((a, b) => a - b)
  const percentile = (share: number) => sorted[Math.floor(sorted.length * share)]!.toFixed(1)
  console.log(
    `${run.each.topics} topics, ${run.each.records} records per transaction: ` +
      `${Math.round(written / (run.ms / 1000)).toLocaleString('en')} records/s, ` +
      `${(run.cpuUs / written).toFixed(2)} us of processor per record, ` +
      `p50 ${percentile(0.5)} ms, p99 ${percentile(0.99)} ms`,
  )
}

const { url } = await service('kafka')
for (const each of CASES) await measure(url, each)
await stopServices()
