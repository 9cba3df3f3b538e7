// Reads a topic in a process of its own, so that the writer's work is not in the figures, until SIGTERM; then prints
// quantiles of the milliseconds between each row's mark and its arrival here.
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { readCommitted } from '../../core/sinks/kafka/reader.ts'
import { quantile, round } from '../figures.ts'
import { MARK, MARK_DIGITS, nowUs } from './mark.ts'

const [broker = '', topic = ''] = process.argv.slice(2)
const stop = new AbortController()
process.once('SIGTERM', () => stop.abort())

const latencies: number[] = []
const records = readCommitted({
  kafka: { brokers: [broker] },
  topics: [topic],
  from: 'end',
  until: 'never',
  signal: stop.signal,
  clock: systemClock,
  log: silentLogger,
})
for await (const batch of records) {
  const now = nowUs()
  for (const { value } of batch) {
    const at = value?.lastIndexOf(MARK) ?? -1
    if (!value || at < 0) continue
    const sent = Number(value.toString('latin1', at + MARK.length, at + MARK.length + MARK_DIGITS))
    latencies.push((now - sent) / 1_000)
  }
}

const sorted = latencies.toSorted((a, b) => a - b)
console.log(
  JSON.stringify({
    seen: sorted.length,
    p50Ms: round(quantile(sorted, 0.5)),
    p95Ms: round(quantile(sorted, 0.95)),
    p99Ms: round(quantile(sorted, 0.99)),
    maxMs: round(sorted.at(-1) ?? 0),
  }),
)
