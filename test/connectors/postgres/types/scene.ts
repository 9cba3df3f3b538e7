import type { Client } from 'pg'
import type { ChangeEvent, ColumnType, Row, Table } from '../../../../core/types.ts'
import { createDecoder, type DecodedMessage } from '../../../../schemas/index.ts'
import { BatchReader } from '../../../support/batch-reader.ts'
import { avroEncoder, encode, jsonEncoder } from '../../../unit/schemas/encoding.ts'
import { FakeRegistry } from '../../../unit/schemas/fake-registry.ts'
import { TestDatabase, type TestSourceOptions } from '../database.ts'
import { ORACLE_FUNCTIONS, ORACLE_SESSION } from './oracle.ts'

/** None of this may change what is told. */
const ODD_SETTINGS: Readonly<Record<string, string>> = {
  datestyle: "'German, DMY'",
  timezone: "'America/New_York'",
  intervalstyle: 'postgres_verbose',
  bytea_output: 'escape',
  extra_float_digits: '0',
  search_path: 'public, oracle',
}

/** A row as a consumer gets it: from Avro, and from JSON. */
export interface ToldRow {
  readonly table: Table
  readonly row: Row
  readonly avro: DecodedMessage
  readonly json: DecodedMessage
}

/** One database with one table `t` (id, and the columns asked for), its stream, and somebody to ask. */
export class TypeScene {
  readonly database: TestDatabase
  readonly reader: BatchReader
  readonly #oracle: Client
  #told = 0

  private constructor(database: TestDatabase, oracle: Client, reader: BatchReader) {
    this.database = database
    this.#oracle = oracle
    this.reader = reader
  }

  /** `setup`: transactions that make what the columns need. */
  static async open(
    serverUrl: string,
    { setup, columns }: { setup: readonly string[]; columns: readonly string[] },
    options?: TestSourceOptions,
  ): Promise<TypeScene> {
    const database = await TestDatabase.create(serverUrl)
    await database.commit(ORACLE_FUNCTIONS, ...setup)
    await database.commit(`CREATE TABLE public.t (${['id int PRIMARY KEY', ...columns].join(', ')})`)
    for (const [name, value] of Object.entries(ODD_SETTINGS)) {
      await database.commit(`ALTER DATABASE ${database.name} SET ${name} = ${value}`)
    }
    const oracle = await database.connect()
    await oracle.query(ORACLE_SESSION)
    const reader = new BatchReader(database.source(options), {})
    await reader.pull()
    return new TypeScene(database, oracle, reader)
  }

  /** What the server itself says: the one value that this statement gives. */
  async ask(sql: string): Promise<unknown> {
    const { rows } = await this.#oracle.query({ text: sql, rowMode: 'array' })
    return (rows[0] as unknown[])[0]
  }

  /** Commits, and gives the rows that come of it. */
  async commit(count: number, ...transactions: readonly string[]): Promise<ToldRow[]> {
    await this.database.commit(...transactions)
    const from = this.#told
    this.#told += count
    await this.reader.pullEvents(this.#told)
    return tell(this.reader.events.slice(from, this.#told))
  }

  async close(): Promise<void> {
    await this.reader.source.close()
    await this.#oracle.end()
    await this.database.drop()
  }
}

/** Through both formats and back. */
export async function tell(events: readonly ChangeEvent[]): Promise<ToldRow[]> {
  const registry = new FakeRegistry()
  const decoder = createDecoder({ registry })
  const avro = await encode(avroEncoder(registry), ...events)
  const json = await encode(jsonEncoder(), ...events)
  return await Promise.all(
    events.map(async ({ table, before, after }, index) => ({
      table,
      row: (after ?? before) as Row,
      avro: await decoder.decode(messageOf(avro[index])),
      json: await decoder.decode(messageOf(json[index])),
    })),
  )
}

type Encoded = Awaited<ReturnType<typeof encode>>[number] | undefined

const messageOf = (record: Encoded) => ({
  key: record?.key ? Buffer.from(record.key) : null,
  value: record?.value ? Buffer.from(record.value) : null,
  headers: record?.headers,
})

export const typeOf = (table: Table, column: string): ColumnType | undefined =>
  table.columns.find(({ name }) => name === column)?.type
