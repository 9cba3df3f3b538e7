import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe } from 'node:test'
import { TributaryError } from '../../../core/errors.ts'
import {
  type ChangeEvent,
  type Checkpoint,
  type Finding,
  type Row,
  type Table,
  UNAVAILABLE,
} from '../../../core/types.ts'
import { BatchReader } from '../../support/batch-reader.ts'
import { POSTGRES_SERVERS, TestDatabase, type TestSourceOptions } from './database.ts'

/** A new database for each test, and the readers that it makes. */
export class Scene {
  #database: TestDatabase | null = null
  readonly #readers: BatchReader[] = []

  get database(): TestDatabase {
    return this.#database as TestDatabase
  }

  open(database: TestDatabase): void {
    this.#database = database
  }

  reader(from: Checkpoint, options?: TestSourceOptions): BatchReader {
    const reader = new BatchReader(this.database.source(options), from)
    this.#readers.push(reader)
    return reader
  }

  /** A first reader, whose slot and publication are there and which has handed over its first, empty batch. */
  async begin(options?: TestSourceOptions): Promise<BatchReader> {
    const reader = this.reader({}, options)
    await reader.pull()
    return reader
  }

  /** Reads `count` events from `checkpoint` with a new source, once the slot is free. */
  async replay(checkpoint: Checkpoint, count: number, options?: TestSourceOptions): Promise<ChangeEvent[]> {
    for (;;) {
      const reader = this.reader(checkpoint, options)
      try {
        await reader.pullEvents(count)
        await reader.stop()
        return reader.events
      } catch (error) {
        await reader.source.close()
        if (!(error instanceof TributaryError) || error.code !== 'SLOT_IN_USE') throw error
      }
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#readers.splice(0).map(reader => reader.source.close()))
    await this.database.drop()
  }
}

/** Runs the same tests on every version, with a new database for each test. */
export function onEveryServer(what: string, tests: (scene: Scene) => void): void {
  for (const { name, start } of POSTGRES_SERVERS) {
    describe(`${what} of ${name}`, () => {
      const scene = new Scene()
      beforeEach(async () => scene.open(await TestDatabase.create((await start()).url)))
      afterEach(() => scene.close())
      tests(scene)
    })
  }
}

/** `{id: 1, name: 'a'}`; a value that the server did not send is `undefined`. */
export function fields(table: Table, row: Row | null): Record<string, unknown> | null {
  if (!row) return null
  const entries = table.columns.map(({ name }, index) => [
    name,
    row[index] === UNAVAILABLE ? undefined : row[index],
  ])
  return Object.fromEntries(entries)
}

/** An event in short: `['u', before, after]`. */
export const told = ({ op, table, before, after }: ChangeEvent) => [
  op,
  fields(table, before),
  fields(table, after),
]

export const keyNames = (table: Table): string[] => table.key.map(index => table.columns[index]?.name ?? '')

/** What the pull is rejected with. */
export async function rejection(pull: Promise<unknown>): Promise<TributaryError> {
  const thrown = await pull.then(
    () => assert.fail('nothing was thrown'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof TributaryError, String(thrown))
  return thrown
}

/** What `check` finds. */
export async function findings({ database }: Scene, options?: TestSourceOptions): Promise<Finding[]> {
  const source = database.source(options)
  try {
    return await source.check()
  } finally {
    await source.close()
  }
}
