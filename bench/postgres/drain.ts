import { spawn } from 'node:child_process'
import { until } from '../../test/support/until.ts'
import { BUILT, startWorker, type Worker } from '../../test/support/worker.ts'
import { round } from '../figures.ts'
import { processUsage } from '../process-usage.ts'
import { connect } from './workload.ts'

/** Each answer costs the worker some of the CPU that is being measured. */
const POLL_MS = 100

/** Seconds from the first record to the last, and what the worker used from its start to there. */
export async function drain(folder: string, records: number) {
  const began = performance.now()
  await using worker = await startWorker(folder, BUILT)
  const first = await whenWritten(worker, 1)
  const last = await whenWritten(worker, records)
  const { cpuSeconds, peakBytes } = processUsage(worker.pid)
  worker.signal('SIGTERM')
  await worker.ended()
  return {
    records,
    seconds: round((last.at - first.at) / 1_000, 2),
    perSecond: Math.round((records - first.records) / ((last.at - first.at) / 1_000)),
    cpuUsPerRecord: round((cpuSeconds * 1e6) / records),
    peakMb: Math.round(peakBytes / 1e6),
    firstRecordMs: Math.round(first.at - began),
  }
}

async function whenWritten(worker: Worker, records: number): Promise<{ at: number; records: number }> {
  let written = 0
  while (written < records) {
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
    written = await worker.status().then(
      status => status.recordsWritten,
      () => 0,
    )
  }
  return { at: performance.now(), records: written }
}

export interface ReceiveOptions {
  readonly bin: string
  readonly databaseUrl: string
  readonly slot: string
  readonly publication: string
  /** LSN at which to end. */
  readonly until: string
}

/** The same log read by Postgres' own client and thrown away: what the server can give. Resolves to seconds. */
export async function receiveByPostgres({
  bin,
  databaseUrl,
  slot,
  publication,
  until: end,
}: ReceiveOptions): Promise<number> {
  const began = performance.now()
  const child = spawn(
    bin,
    [
      ...['-d', databaseUrl, '--slot', slot, '--start', '--no-loop', '--endpos', end, '-f', '/dev/null'],
      ...['-o', 'proto_version=1', '-o', `publication_names=${publication}`],
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  await new Promise((resolve, reject) =>
    child.once('exit', code =>
      code === 0 ? resolve(null) : reject(new Error(`pg_recvlogical ended with ${code}`)),
    ),
  )
  return (performance.now() - began) / 1_000
}

/** A slot like another, for one more reading of the same log. */
export async function copySlot(databaseUrl: string, from: string, to: string): Promise<void> {
  const client = await connect(databaseUrl)
  await client.query('select pg_copy_logical_replication_slot($1, $2)', [from, to])
  await client.end()
}

export async function dropSlot(databaseUrl: string, slot: string): Promise<void> {
  const client = await connect(databaseUrl)
  await until('the slot is free', async () => {
    const { rows } = await client.query('select active from pg_replication_slots where slot_name = $1', [
      slot,
    ])
    return rows[0]?.active === false
  })
  await client.query('select pg_drop_replication_slot($1)', [slot])
  await client.end()
}
