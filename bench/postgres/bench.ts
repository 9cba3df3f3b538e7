import { join } from 'node:path'
import { service } from '../../test/services/index.ts'
import { installedBinaries } from '../../test/services/postgres.ts'
import { BUILT, configFolder, startWorker } from '../../test/support/worker.ts'
import { type Figures, median, print, round } from '../figures.ts'
import { processUsage } from '../process-usage.ts'
import { copySlot, drain, dropSlot, receiveByPostgres } from './drain.ts'
import { measureLatency } from './latency.ts'
import { connect, createOrders, writeBacklog } from './workload.ts'

export interface BenchOptions {
  readonly changes: number
  readonly runs: number
  readonly seconds: number
  readonly only: readonly string[]
}

interface Servers {
  readonly kafka: string
  readonly registry: string
  readonly databaseUrl: string
}

const DATABASE = 'bench'
const ORIGIN = 'bench_origin'
const PUBLICATION = 'bench'
const DELIVERIES = ['exactly-once', 'at-least-once'] as const
const RATES = [2_000, 5_000]
const WARM_UP = { rate: 2_000, seconds: 15 }

/** Throughput, latency and idle cost on real servers; prints a JSON line for each run and a table of medians. */
export async function benchPostgres(options: BenchOptions): Promise<void> {
  const servers = await prepare()
  const figures: Figures[] = []
  if (options.only.includes('drain')) figures.push(...(await benchDrain(servers, options)))
  if (options.only.includes('latency')) figures.push(...(await benchLatency(servers, options)))
  if (options.only.includes('idle')) figures.push(await benchIdle(servers, options))
  console.table(figures)
}

async function prepare(): Promise<Servers> {
  const [kafka, registry, postgres] = await Promise.all([
    service('kafka'),
    service('registry'),
    service('postgres15'),
  ])
  const admin = await connect(postgres.url)
  await admin.query(`create database ${DATABASE}`)
  await admin.end()
  const databaseUrl = Object.assign(new URL(postgres.url), { pathname: `/${DATABASE}` }).href
  await createOrders(databaseUrl)
  const client = await connect(databaseUrl)
  await client.query(`create publication ${PUBLICATION} for table orders`)
  await client.query(`select pg_create_logical_replication_slot('${ORIGIN}', 'pgoutput')`)
  await client.end()
  return { kafka: kafka.url, registry: registry.url, databaseUrl }
}

const configOf = (servers: Servers, name: string, settings: Readonly<Record<string, string>> = {}) =>
  configFolder({
    'worker.yaml': `kafka: { brokers: ["${servers.kafka}"] }\nregistry: { url: ${servers.registry} }\nhttp: { host: 127.0.0.1, port: "\${HTTP_PORT}" }\n`,
    'bench.yaml': [
      `name: ${name}`,
      `source: { type: postgres, url: ${servers.databaseUrl}, publication: ${PUBLICATION}, slot: ${name} }`,
      ...Object.entries(settings).map(([setting, value]) => `${setting}: ${value}`),
    ].join('\n'),
  })

async function benchDrain(servers: Servers, { changes, runs }: BenchOptions): Promise<Figures[]> {
  await writeBacklog(servers.databaseUrl, changes)
  const limit: number[] = []
  const drains = new Map<string, Awaited<ReturnType<typeof drain>>[]>(
    DELIVERIES.map(delivery => [delivery, []]),
  )
  for (let run = 1; run <= runs; run++) {
    const perSecond = await receive(servers, changes, `limit_${run}`)
    limit.push(perSecond)
    print({ what: 'pg_recvlogical', run, perSecond })
    for (const delivery of DELIVERIES) {
      const name = `drain_${delivery.slice(0, 2)}_${run}`
      await copySlot(servers.databaseUrl, ORIGIN, name)
      using folder = configOf(servers, name, { delivery, tombstones: 'false' })
      const result = await drain(folder.path, changes)
      drains.get(delivery)?.push(result)
      print({ what: `drain ${delivery}`, run, ...result })
      await dropSlot(servers.databaseUrl, name)
    }
  }
  const limitPerSecond = median(limit)
  return [
    { what: 'pg_recvlogical into nothing', perSecond: limitPerSecond },
    ...[...drains].map(([delivery, results]) => drainMedians(delivery, results, limitPerSecond)),
  ]
}

function drainMedians(
  delivery: string,
  results: readonly Awaited<ReturnType<typeof drain>>[],
  limit: number,
): Figures {
  const perSecond = median(results.map(result => result.perSecond))
  return {
    what: `drain, ${delivery}`,
    perSecond,
    ofLimit: round(perSecond / limit, 2),
    cpuUsPerRecord: median(results.map(result => result.cpuUsPerRecord)),
    peakMb: median(results.map(result => result.peakMb)),
    firstRecordMs: median(results.map(result => result.firstRecordMs)),
  }
}

async function receive({ databaseUrl }: Servers, changes: number, slot: string): Promise<number> {
  await copySlot(databaseUrl, ORIGIN, slot)
  const client = await connect(databaseUrl)
  const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn')
  await client.end()
  const folder = await installedBinaries('15')
  if (!folder) throw new Error('pg_recvlogical of Postgres 15 is not installed')
  const bin = join(folder, 'pg_recvlogical')
  const seconds = await receiveByPostgres({
    bin,
    databaseUrl,
    slot,
    publication: PUBLICATION,
    until: rows[0]?.lsn ?? '0/0',
  })
  await dropSlot(databaseUrl, slot)
  return Math.round(changes / seconds)
}

async function benchLatency(servers: Servers, { seconds }: BenchOptions): Promise<Figures[]> {
  const figures: Figures[] = []
  using folder = configOf(servers, 'latency')
  await using worker = await startWorker(folder.path, BUILT)
  await worker.ready()
  const topic = 'latency.public.orders'
  // The topic is made by the first row, and the code gets warm: ours, and the broker's, which was only just started.
  await writeRows(servers.databaseUrl, 1_000)
  await measureLatency({ ...servers, topic, rate: WARM_UP.rate, seconds: WARM_UP.seconds })
  for (const rate of RATES) {
    const before = processUsage(worker.pid)
    const latency = await measureLatency({ ...servers, topic, rate, seconds })
    const { cpuSeconds } = processUsage(worker.pid)
    const cpuPercent = round(((cpuSeconds - before.cpuSeconds) / seconds) * 100)
    figures.push(print({ what: `latency at ${rate}/s`, ...latency, cpuPercent }))
  }
  worker.signal('SIGTERM')
  await worker.ended()
  return figures
}

async function writeRows(databaseUrl: string, count: number): Promise<void> {
  const client = await connect(databaseUrl)
  await client.query(
    `insert into orders select nextval('order_ids') + 900000000, 1, 'new', 9.99, 'EUR', now(), now(), 'warm', 1, 1.5, true,
       gen_random_uuid() from generate_series(1, $1)`,
    [count],
  )
  await client.end()
}

async function benchIdle(servers: Servers, { seconds }: BenchOptions): Promise<Figures> {
  using folder = configOf(servers, 'idle')
  const began = performance.now()
  await using worker = await startWorker(folder.path, BUILT)
  await worker.ready()
  const readyMs = Math.round(performance.now() - began)
  // Until it has given back what starting took.
  await new Promise(resolve => setTimeout(resolve, 12_000))
  const before = processUsage(worker.pid)
  await new Promise(resolve => setTimeout(resolve, seconds * 1_000))
  const after = processUsage(worker.pid)
  return print({
    what: 'idle',
    readyMs,
    cpuPercent: round(((after.cpuSeconds - before.cpuSeconds) / seconds) * 100, 2),
    residentMb: Math.round(after.residentBytes / 1e6),
  })
}
