import { appendFile, chown, cp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, type QueryResultRow } from 'pg'
import { type RunningService, startService } from '../../services/index.ts'
import { until } from '../../support/until.ts'

/** A primary and a hot standby that reads from it through a slot of its own, `standby`. */
export interface Pair extends AsyncDisposable {
  readonly primary: RunningService
  readonly standby: RunningService
  /** Waits until the standby has replayed all that the primary has written. */
  replayed(): Promise<void>
}

/** The standby is made of a copy of the primary's files, while that is down. Settings can be changed by ALTER SYSTEM. */
export async function startPair(standbySettings: Readonly<Record<string, string>> = {}): Promise<Pair> {
  const [primary, standby] = await Promise.all([startService('postgres18'), startService('postgres18')])
  await ask(primary.url, `SELECT pg_create_physical_replication_slot('standby', true)`)
  await Promise.all([primary.kill('SIGINT'), standby.kill('SIGINT')])
  await copyData(primary.dataDir, standby.dataDir, {
    primary_conninfo: `host=127.0.0.1 port=${new URL(primary.url).port} user=postgres dbname=postgres`,
    primary_slot_name: 'standby',
    hot_standby_feedback: 'on',
    ...standbySettings,
  })
  await primary.restart()
  await standby.restart()
  return {
    primary,
    standby,
    replayed: () => replayed(primary, standby),
    async [Symbol.asyncDispose]() {
      await Promise.all([standby.stop(), primary.stop()])
    },
  }
}

/** One statement in a session of its own. */
export async function ask<Row extends QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new Client(url)
  await client.connect()
  try {
    return (await client.query<Row>(sql)).rows
  } finally {
    await client.end()
  }
}

async function copyData(from: string, to: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const { uid, gid } = await stat(from)
  await rm(to, { recursive: true })
  await cp(from, to, { recursive: true, preserveTimestamps: true })
  await rm(join(to, 'pg_replslot', 'standby'), { recursive: true })
  await writeFile(join(to, 'standby.signal'), '')
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'\n`)
  await appendFile(join(to, 'postgresql.auto.conf'), lines.join(''))
  for (const name of await readdir(to, { recursive: true })) await chown(join(to, name), uid, gid)
  await chown(to, uid, gid)
}

async function replayed(primary: RunningService, standby: RunningService): Promise<void> {
  const [row] = await ask<{ lsn: string }>(primary.url, 'SELECT pg_current_wal_lsn()::text AS lsn')
  await until('the standby has replayed it', async () => {
    const [standing] = await ask<{ isThere: boolean }>(
      standby.url,
      `SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}'::pg_lsn AS "isThere"`,
    )
    return standing?.isThere === true
  })
}
