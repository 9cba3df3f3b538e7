import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ChangeBatch } from './types.ts'

/** What the worker measures, for `/metrics`. Labels hold names of connectors and tables, never values of rows. */
export interface Metrics {
  /** Prometheus text format. */
  text(): Promise<string>
  readonly contentType: string
  connector(name: string): ConnectorMetrics
}

export interface ConnectorMetrics {
  state(state: string): void
  failed(code: string): void
  batched(batch: ChangeBatch): void
  written(records: number, bytes: number, seconds: number): void
  held(records: number, bytes: number): void
  /** Asked at every scrape: seconds since the commit of the oldest change that is not durable yet; 0 when there is none. */
  lagFrom(read: () => number): void
}

const LABELS = ['connector'] as const

function instruments(registers: Registry[]) {
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames: [...labelNames], registers })
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Gauge({ name, help, labelNames: [...labelNames], registers })
  return {
    state: gauge('tributary_connector_state', '1 for the state that the connector is in', [
      'connector',
      'state',
    ]),
    failures: counter('tributary_failures_total', 'Failures of a connector by error code', [
      'connector',
      'code',
    ]),
    events: counter('tributary_events_total', 'Events read', ['connector', 'table', 'op']),
    records: counter('tributary_records_written_total', 'Records that are durable in Kafka', LABELS),
    bytes: counter(
      'tributary_record_bytes_written_total',
      'Bytes of keys and values of those records',
      LABELS,
    ),
    heldRecords: gauge('tributary_held_records', 'Records in memory that are not durable yet', LABELS),
    heldBytes: gauge('tributary_held_bytes', 'Bytes of those records', LABELS),
    writeSeconds: new Histogram({
      name: 'tributary_write_seconds',
      help: 'Time of one write (one Kafka transaction)',
      labelNames: LABELS,
      buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
  }
}

type Instruments = ReturnType<typeof instruments>

export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const lags = new Map<string, () => number>()
  new Gauge({
    name: 'tributary_lag_seconds',
    help: 'Age of the oldest committed change that has been read and is not durable yet; 0 when there is none',
    labelNames: LABELS,
    registers: [registry],
    collect() {
      for (const [connector, read] of lags) this.set({ connector }, read())
    },
  })
  const all = instruments([registry])
  return {
    text: () => registry.metrics(),
    contentType: registry.contentType,
    connector: name => connectorMetrics(all, name, lags),
  }
}

function connectorMetrics(
  all: Instruments,
  connector: string,
  lags: Map<string, () => number>,
): ConnectorMetrics {
  let current: string | null = null
  return {
    state(state) {
      if (current !== null) all.state.set({ connector, state: current }, 0)
      all.state.set({ connector, state }, 1)
      current = state
    },
    failed: code => all.failures.inc({ connector, code }),
    batched: batch => countEvents(all, connector, batch),
    written(records, bytes, seconds) {
      all.records.inc({ connector }, records)
      all.bytes.inc({ connector }, bytes)
      all.writeSeconds.observe({ connector }, seconds)
    },
    held(records, bytes) {
      all.heldRecords.set({ connector }, records)
      all.heldBytes.set({ connector }, bytes)
    },
    lagFrom: read => lags.set(connector, read),
  }
}

/** One increment for each run of events of one table and kind, not one for each event. */
function countEvents(all: Instruments, connector: string, { events }: ChangeBatch): void {
  let start = 0
  for (let end = 1; end <= events.length; end++) {
    const first = events[start]
    const next = events[end]
    if (!first || (next && next.table === first.table && next.op === first.op)) continue
    const table = `${first.table.schema}.${first.table.name}`
    all.events.inc({ connector, table, op: first.op }, end - start)
    start = end
  }
}
