import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { readCommitted } from '../../core/sinks/kafka/reader.ts'
import { quantile, round } from '../figures.ts'
import { connect } from './workload.ts'

export interface LatencyOptions {
  readonly databaseUrl: string
  readonly kafka: string
  readonly topic: string
  /** Row changes in a second, each in a transaction of its own. */
  readonly rate: number
  readonly seconds: number
}

/** Enough for the server's own group commit to carry the rate. */
const SESSIONS = 16
const MARK = Buffer.from('@ts=')
const DIGITS = 16

/** From just before the statement is sent until the committed record is in a consumer's hand, in milliseconds. */
export async function measureLatency(options: LatencyOptions) {
  const stop = new AbortController()
  const latencies: number[] = []
  const reading = read(options, stop.signal, ms => latencies.push(ms))
  const written = await write(options)
  const end = performance.now() + 10_000
  while (latencies.length < written && performance.now() < end) await systemClock.sleep(50)
  stop.abort()
  await reading
  const sorted = latencies.toSorted((a, b) => a - b)
  return {
    written,
    seen: latencies.length,
    p50Ms: round(quantile(sorted, 0.5)),
    p95Ms: round(quantile(sorted, 0.95)),
    p99Ms: round(quantile(sorted, 0.99)),
    maxMs: round(sorted.at(-1) ?? 0),
  }
}

const nowUs = () => Math.round((performance.timeOrigin + performance.now()) * 1_000)

async function read(options: LatencyOptions, signal: AbortSignal, note: (ms: number) => void): Promise<void> {
  const records = readCommitted({
    kafka: { brokers: [options.kafka] },
    topics: [options.topic],
    from: 'end',
    until: 'never',
    signal,
    clock: systemClock,
    log: silentLogger,
  })
  for await (const batch of records) {
    const now = nowUs()
    for (const { value } of batch) {
      const mark = value?.lastIndexOf(MARK) ?? -1
      if (!value || mark < 0) continue
      const sent = Number(value.toString('latin1', mark + MARK.length, mark + MARK.length + DIGITS))
      note((now - sent) / 1_000)
    }
  }
}

/** Keeps to the rate: what a slow statement has held up is sent at once after it. */
async function write({ databaseUrl, rate, seconds }: LatencyOptions): Promise<number> {
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => connect(databaseUrl)))
  const began = performance.now()
  const total = rate * seconds
  let next = 0
  await Promise.all(
    clients.map(async client => {
      while (next < total) {
        const index = next++
        const early = began + (index / rate) * 1_000 - performance.now()
        if (early > 1) await systemClock.sleep(early)
        await client.query({
          name: 'place',
          text: `insert into orders values (nextval('order_ids') + 1000000000, 1, 'new', 9.99, 'EUR', now(), now(), $1, 1, 1.5, true, gen_random_uuid())`,
          values: [`@ts=${nowUs()}@`],
        })
      }
    }),
  )
  await Promise.all(clients.map(client => client.end()))
  return total
}
