import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { BatchLimits } from '../../core/batcher.ts'
import { TributaryError } from '../../core/errors.ts'
import type { ChangeEvent, Checkpoint, Row, Source, Table, Value } from '../../core/types.ts'
import { BatchReader } from '../support/batch-reader.ts'
import { until } from '../support/until.ts'

/** A change of the table `items` with the columns `id` (int, the key) and `name` (text). */
export type Change =
  | { readonly insert: number; readonly name: string }
  | { readonly update: number; readonly name: string }
  | { readonly move: number; readonly to: number }
  | { readonly delete: number }

export interface SourceOptions {
  readonly limits?: BatchLimits
  /** The server ends a link from which it has heard nothing for this long. */
  readonly linkTimeoutMs?: number
  readonly heartbeatMs?: number
}

/** One connector and its database, new and with `items` empty. */
export interface SourceHarness {
  /** A new source of the same connector. The one before has been closed. */
  source(options?: SourceOptions): Source
  /** Commits one transaction. */
  commit(...changes: readonly Change[]): Promise<void>
  /** Commits something that the connector does not capture. */
  commitElsewhere(): Promise<void>
  /** Adds a column of text to `items`. */
  addColumn(name: string): Promise<void>
  /** Ends the source's link from the server's side. */
  cutLink(): Promise<void>
  /** How many sessions the connector has on the server. */
  sessions(): Promise<number>
  /** Bytes of the log that this source holds in memory. */
  heldBytes(source: Source): number
  /** What `heldBytes` must never be beyond, whatever arrives. */
  readonly maxHeldBytes: number
  close(): Promise<void>
}

export interface SourceContract {
  readonly name: string
  readonly open: () => Promise<SourceHarness>
}

/** What every source must do, see `Source` in core/types.ts. To be called at the top of a test file. */
export function sourceContract({ name, open }: SourceContract): void {
  describe(`${name} as a source`, () => {
    const scene = new Scene()
    beforeEach(async () => scene.open(await open()))
    afterEach(() => scene.close())
    tellsChanges(scene)
    resumes(scene)
    staysAlive(scene)
    ends(scene)
  })
}

/** The harness of the test that runs, and the readers it has made. */
class Scene {
  #harness: SourceHarness | null = null
  #readers: BatchReader[] = []

  get harness(): SourceHarness {
    return this.#harness as SourceHarness
  }

  open(harness: SourceHarness): void {
    this.#harness = harness
  }

  /** A reader whose stream has begun. The session before may need a moment to be gone on the server. */
  async read(from: Checkpoint, options?: SourceOptions): Promise<BatchReader> {
    const reader = new BatchReader(this.harness.source(options), from)
    this.#readers.push(reader)
    if (from.stream) return reader
    try {
      await reader.pull()
      return reader
    } catch (error) {
      if (!isInUse(error)) throw error
      await reader.source.close()
      return await this.read(from, options)
    }
  }

  /** Resumes at `from` and reads this many events. */
  async readRest(from: Checkpoint, count: number, options?: SourceOptions): Promise<ChangeEvent[]> {
    const reader = await this.read(from, options)
    try {
      await reader.pullEvents(count)
      await reader.stop()
      return reader.events
    } catch (error) {
      if (!isInUse(error)) throw error
      await reader.source.close()
      return await this.readRest(from, count, options)
    }
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#readers.map(reader => reader.source.close()))
    this.#readers = []
    await this.harness.close()
  }
}

const isInUse = (error: unknown): boolean => error instanceof TributaryError && error.code === 'SLOT_IN_USE'

/** `c 1 a`: the operation and the row it leaves, or took away. */
function told({ op, table, before, after }: ChangeEvent): string {
  const [id, name] = ['id', 'name'].map(column => field(table, after ?? before ?? [], column))
  return op === 'd' ? `d ${String(id)}` : `${op} ${String(id)} ${String(name)}`
}

const field = (table: Table, row: Row, name: string): Value | undefined =>
  row[table.columns.findIndex(column => column.name === name)]

const place = (event: ChangeEvent): string => `${event.commit.coordinate}-${event.ordinal} ${told(event)}`

const inserts = (first: number, count: number): Change[] =>
  Array.from({ length: count }, (_, index) => ({ insert: first + index, name: `n${first + index}` }))

function tellsChanges(scene: Scene): void {
  it('tells changes in the order of commits, numbered from 0 in each transaction', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' }, { insert: 2, name: 'b' })
    await scene.harness.commit({ update: 1, name: 'A' })
    await scene.harness.commit({ delete: 2 })
    const { events } = await reader.pullEvents(4)
    assert.deepEqual(events.map(told), ['c 1 a', 'c 2 b', 'u 1 A', 'd 2'])
    assert.deepEqual(
      events.map(event => event.ordinal),
      [0, 1, 0, 0],
    )
    const coordinates = events.map(event => event.commit.coordinate)
    assert.deepEqual(coordinates, coordinates.toSorted())
    assert.equal(new Set(coordinates).size, 3)
    for (const coordinate of coordinates) assert.match(coordinate, /^0001-[0-9a-f]{16}$/)
  })

  it('first tells where it begins, so that a start that fails is begun at the same place', async () => {
    const reader = await scene.read({})
    assert.deepEqual(reader.events, [])
    assert.ok(reader.checkpoint.stream)
  })

  it('tells a key change as a delete and a create', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' })
    await scene.harness.commit({ move: 1, to: 7 })
    const { events } = await reader.pullEvents(3)
    assert.deepEqual(events.map(told), ['c 1 a', 'd 1', 'c 7 a'])
    assert.deepEqual(
      events.map(event => event.ordinal),
      [0, 0, 1],
    )
  })

  it('tells a new column from the row on at which it was added, also when read again', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' }, { insert: 2, name: 'b' })
    await scene.harness.addColumn('extra')
    await scene.harness.commit({ insert: 3, name: 'c' })
    const begin = reader.checkpoint
    const { events } = await reader.pullEvents(3)
    await reader.stop()
    for (const told of [events, await scene.readRest(begin, 3)]) {
      const [first, second, third] = told.map(event => event.table) as [Table, Table, Table]
      assert.equal(first, second)
      assert.notEqual(second, third)
      assert.deepEqual(
        first.columns.map(({ name }) => name),
        ['id', 'name'],
      )
      assert.deepEqual(
        third.columns.map(({ name }) => name),
        ['id', 'name', 'extra'],
      )
    }
  })
}

function resumes(scene: Scene): void {
  it('gives exactly the rest from the checkpoint of any batch, in the middle of transactions too', async () => {
    const limits = { maxEvents: 3, maxBytes: 1 << 20 }
    const reader = await scene.read({}, { limits })
    await scene.harness.commit(...inserts(1, 2))
    await scene.harness.commit(...inserts(10, 10), { move: 10, to: 30 }, { update: 11, name: 'x' })
    await scene.harness.commit({ delete: 1 })
    await reader.pullEvents(16)
    await reader.stop()
    const all = reader.events.map(place)
    assert.ok(
      reader.batches.some(batch => !batch.complete),
      'no batch ends inside a transaction',
    )
    let count = 0
    for (const batch of reader.batches) {
      count += batch.events.length
      if (count === all.length) break
      const rest = await scene.readRest(batch.checkpoint, all.length - count, { limits })
      assert.deepEqual(rest.map(place), all.slice(count))
    }
  })

  it('tells nothing again that was acknowledged', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' })
    await reader.pullEvents(1)
    reader.source.acknowledge(reader.checkpoint)
    await reader.stop()
    await scene.harness.commit({ insert: 2, name: 'b' })
    assert.deepEqual((await scene.readRest(reader.checkpoint, 1)).map(told), ['c 2 b'])
    const fresh = await scene.read({})
    assert.deepEqual((await fresh.pullEvents(1)).events.map(told), ['c 2 b'])
    await fresh.stop()
  })

  it('tells everything again that was not acknowledged', async () => {
    const reader = await scene.read({})
    const begin = reader.checkpoint
    await scene.harness.commit({ insert: 1, name: 'a' })
    await scene.harness.commit({ insert: 2, name: 'b' })
    await reader.pullEvents(2)
    await reader.stop()
    assert.deepEqual((await scene.readRest(begin, 2)).map(place), reader.events.map(place))
    assert.deepEqual((await scene.readRest({}, 2)).map(place), reader.events.map(place))
  })
}

function staysAlive(scene: Scene): void {
  it('keeps the link, within bounded memory, while nobody pulls', async () => {
    const linkTimeoutMs = 1_000
    const { harness } = scene
    const reader = await scene.read({}, { linkTimeoutMs })
    const name = 'x'.repeat(1_000)
    for (let first = 0; first < 20_000; first += 2_000) {
      await harness.commit(...inserts(first, 2_000).map(change => ({ ...change, name })))
    }
    const begin = performance.now()
    await until('the link has been left alone for three times its timeout', () => {
      assert.ok(harness.heldBytes(reader.source) <= harness.maxHeldBytes)
      return performance.now() - begin > 3 * linkTimeoutMs
    })
    assert.ok(harness.heldBytes(reader.source) > 0, 'nothing arrived meanwhile')
    await reader.pullEvents(20_000)
    assert.equal(reader.events.length, 20_000)
    await reader.stop()
  })

  it('tells progress while nothing happens that is captured', async () => {
    const reader = await scene.read({}, { heartbeatMs: 100 })
    const begin = reader.checkpoint.stream?.position
    await scene.harness.commitElsewhere()
    await reader.pullUntil(({ checkpoint }) => checkpoint.stream?.position !== begin)
    assert.deepEqual(reader.events, [])
    const progressed = reader.checkpoint
    reader.source.acknowledge(progressed)
    await reader.stop()
    await scene.harness.commit({ insert: 1, name: 'a' })
    assert.deepEqual((await scene.readRest(progressed, 1)).map(told), ['c 1 a'])
  })
}

function ends(scene: Scene): void {
  it('rejects the pull when the link is cut, and goes on at the checkpoint', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' })
    await reader.pullEvents(1)
    await scene.harness.cutLink()
    const error = await reader.pull().then(
      () => assert.fail('a batch came over a link that was cut'),
      (thrown: unknown) => thrown,
    )
    assert.ok(error instanceof TributaryError && error.reaction === 'retry', String(error))
    await reader.source.close()
    await scene.harness.commit({ insert: 2, name: 'b' })
    assert.deepEqual((await scene.readRest(reader.checkpoint, 1)).map(told), ['c 2 b'])
  })

  it('ends when told to, while it waits', async () => {
    const reader = await scene.read({})
    const begin = performance.now()
    assert.equal(await reader.abort(), true)
    assert.ok(performance.now() - begin < 1_000)
  })

  it('gives back every session', async () => {
    const reader = await scene.read({})
    await scene.harness.commit({ insert: 1, name: 'a' })
    await reader.pullEvents(1)
    assert.ok((await scene.harness.sessions()) > 0)
    await reader.stop()
    await until('no session is left', async () => (await scene.harness.sessions()) === 0, 5_000)
  })

  it('can be closed without having been read', async () => {
    await scene.harness.source().close()
    assert.equal(await scene.harness.sessions(), 0)
  })

  it('finds nothing to complain about', async () => {
    const source = scene.harness.source()
    const findings = await source.check()
    await source.close()
    assert.deepEqual(
      findings.filter(finding => finding.severity !== 'ok'),
      [],
    )
    assert.ok(findings.length > 0)
  })
}
