import { appendFile, chown, cp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client, type QueryResultRow } from 'pg'
import type { Checkpoint } from '../../../core/types.ts'
import { type RunningService, startService } from '../../services/index.ts'
import { BatchReader } from '../../support/batch-reader.ts'
import { until } from '../../support/until.ts'
import { TestDatabase } from './database.ts'

/** A primary and a hot standby that reads from it through a slot of its own, `standby`. */
export class Pair implements AsyncDisposable {
  readonly primary: RunningService
  readonly standby: RunningService
  readonly #readers: BatchReader[] = []
  readonly #databases: TestDatabase[] = []

  constructor(primary: RunningService, standby: RunningService) {
    this.primary = primary
    this.standby = standby
  }

  /** A new database on the primary, with a table `t`, as it is on both servers. */
  async create(): Promise<{ database: TestDatabase; standby: TestDatabase }> {
    const database = await TestDatabase.create(this.primary.url)
    this.#databases.push(database)
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    await this.replayed()
    return { database, standby: database.on(this.standby.url) }
  }

  open(database: TestDatabase, from: Checkpoint = {}, settings = {}): BatchReader {
    const source = database.source({ settings: { heartbeatMs: 100, ...settings } })
    const reader = new BatchReader(source, from)
    this.#readers.push(reader)
    return reader
  }

  /** Opens as soon as no earlier reader has the slot. */
  async openFree(database: TestDatabase, from: Checkpoint, settings = {}): Promise<BatchReader> {
    await until('the slot is free', async () => {
      const rows = await ask(
        database.url,
        'SELECT FROM pg_replication_slots WHERE database = current_database() AND active',
      )
      return rows.length === 0
    })
    return this.open(database, from, settings)
  }

  /** Waits until the standby has replayed all that the primary has written. */
  async replayed(): Promise<void> {
    const [row] = await ask<{ lsn: string }>(this.primary.url, 'SELECT pg_current_wal_lsn()::text AS lsn')
    await until('the standby has replayed it', async () => {
      const [standing] = await ask<{ isThere: boolean }>(
        this.standby.url,
        `SELECT pg_last_wal_replay_lsn() >= '${row?.lsn}'::pg_lsn AS "isThere"`,
      )
      return standing?.isThere === true
    })
  }

  /** The primary is gone, whatever it was doing, and its clients with it. */
  async killPrimary(): Promise<void> {
    await this.#disconnect()
    await this.primary.kill()
  }

  /** The primary goes on under another timeline, as after a failover, and the standby follows it. */
  async replacePrimary(): Promise<void> {
    await this.#disconnect()
    await this.primary.kill('SIGINT')
    await writeFile(join(this.primary.dataDir, 'standby.signal'), '')
    await this.primary.restart()
    await ask(this.primary.url, 'SELECT pg_promote()')
  }

  async promote(): Promise<void> {
    await ask(this.standby.url, 'SELECT pg_promote()')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#readers.map(reader => reader.source.close()))
    await this.#disconnect()
    await Promise.all([this.standby.stop(), this.primary.stop()])
  }

  async #disconnect(): Promise<void> {
    await Promise.allSettled(this.#databases.splice(0).map(database => database.disconnect()))
  }
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
  return new Pair(primary, standby)
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
