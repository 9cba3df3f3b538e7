import { Client, type QueryResultRow } from 'pg'
import { createSource, postgresSettings } from '../../../connectors/postgres/index.ts'
import type { BatchLimits } from '../../../core/batcher.ts'
import { systemClock } from '../../../core/clock.ts'
import { silentLogger } from '../../../core/log.ts'
import type { Source } from '../../../core/types.ts'
import { type Service, service } from '../../services/index.ts'

export const POSTGRES_SERVERS: readonly { name: string; start: () => Promise<Service> }[] = [
  { name: 'Postgres 15', start: () => service('postgres15') },
  { name: 'Postgres 18', start: () => service('postgres18') },
]

export interface TestSourceOptions {
  readonly settings?: Readonly<Record<string, unknown>>
  /** Settings of the session: `wal_sender_timeout=1s`. */
  readonly session?: Readonly<Record<string, string>>
  readonly limits?: BatchLimits
  readonly user?: string
}

let databases = 0

/** A database of its own, with whatever replication slots are made in it. */
export class TestDatabase {
  readonly url: string
  readonly name: string
  readonly #serverUrl: string
  readonly #client: Client

  private constructor(serverUrl: string, name: string) {
    const url = new URL(serverUrl)
    url.pathname = `/${name}`
    this.name = name
    this.url = url.href
    this.#serverUrl = serverUrl
    this.#client = new Client(this.url)
  }

  static async create(serverUrl: string): Promise<TestDatabase> {
    const database = new TestDatabase(serverUrl, `source_${process.pid}_${++databases}`)
    await withClient(serverUrl, client => client.query(`CREATE DATABASE ${database.name}`))
    await database.#client.connect()
    return database
  }

  /** A database that is not made, or not there. */
  static at(url: string): TestDatabase {
    return new TestDatabase(url, new URL(url).pathname.slice(1))
  }

  /** The same database on another server, such as a standby; for sources only. */
  on(serverUrl: string): TestDatabase {
    const url = new URL(serverUrl)
    url.pathname = `/${this.name}`
    return TestDatabase.at(url.href)
  }

  /** The connector of this database is named like it. */
  get slot(): string {
    return `tributary_${this.name}`
  }

  async query<Result extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Result[]> {
    return (await this.#client.query<Result>(sql, [...values])).rows
  }

  /** Each text is one transaction; statements in it are separated by semicolons. */
  async commit(...transactions: readonly string[]): Promise<void> {
    for (const sql of transactions) await this.#client.query(sql)
  }

  /** Another session. */
  async connect(): Promise<Client> {
    const client = new Client(this.url)
    await client.connect()
    return client
  }

  source({ settings, session, limits, user }: TestSourceOptions = {}): Source {
    const url = new URL(this.url)
    if (user) url.username = user
    const options = Object.entries(session ?? {}).map(([name, value]) => `-c ${name}=${value}`)
    if (options.length > 0) url.searchParams.set('options', options.join(' '))
    return createSource(postgresSettings.parse({ type: 'postgres', url: url.href, ...settings }), {
      name: this.name,
      clock: systemClock,
      log: silentLogger,
      ...(limits ? { batchLimits: limits } : {}),
    })
  }

  /** Ends the process that reads the slot. */
  async cutLink(): Promise<void> {
    await this.query(
      `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = current_database() AND active`,
    )
  }

  /** Sessions of the connector. */
  async sessions(): Promise<number> {
    const [row] = await this.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM pg_stat_activity
       WHERE datname = current_database() AND application_name LIKE 'tributary %'`,
    )
    return row?.count ?? 0
  }

  async disconnect(): Promise<void> {
    await this.#client.end()
  }

  async drop(): Promise<void> {
    await this.disconnect()
    await withClient(this.#serverUrl, async client => {
      await client.query(
        `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()`,
        [this.name],
      )
      await client.query(
        `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = $1`,
        [this.name],
      )
      await client.query(`DROP DATABASE ${this.name} WITH (FORCE)`)
    })
  }
}

async function withClient<Result>(url: string, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client(url)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}
