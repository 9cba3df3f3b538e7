import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../core/clock.ts'
import { MARK, nowUs } from './mark.ts'
import { connect } from './workload.ts'

export interface LatencyOptions {
  readonly databaseUrl: string
  readonly kafka: string
  readonly topic: string
  /** Row changes in a second, each in a transaction of its own. */
  readonly rate: number
  readonly seconds: number
}

export interface Latencies {
  readonly seen: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Enough for the server's own group commit to carry the rate. */
const SESSIONS = 16
const READER = fileURLToPath(new URL('latency-reader.ts', import.meta.url))
const READER_STARTS_MS = 1_500
const LAST_ARRIVE_MS = 1_500

/** From just before the statement is sent until the committed record is in a consumer's hand. */
export async function measureLatency(options: LatencyOptions): Promise<Latencies & { written: number }> {
  const reader = spawn(process.execPath, [READER, options.kafka, options.topic], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  reader.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await systemClock.sleep(READER_STARTS_MS)
  const written = await write(options)
  await systemClock.sleep(LAST_ARRIVE_MS)
  reader.kill('SIGTERM')
  await once(reader, 'close')
  return { written, ...(JSON.parse(output) as Latencies) }
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
          text: `insert into orders values (nextval('order_ids') + 1000000000, 1, 'new', 9.99, 'EUR', now(), now(),
                   $1, 1, 1.5, true, gen_random_uuid())`,
          values: [`${MARK}${nowUs()}@`],
        })
      }
    }),
  )
  await Promise.all(clients.map(client => client.end()))
  return total
}
