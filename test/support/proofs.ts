import assert from 'node:assert/strict'
import { AUDITED_TABLES, committedChanges, foldedByKey, publishedChanges, tableRows } from './audited-shop.ts'
import { type Envelope, fold, type ReadEvent, readTopic } from './topic-reader.ts'

/** What must be known of a scene to judge its topics. */
export interface Judged {
  readonly name: string
  readonly databaseUrl: string
  readonly kafka: string
  readonly registry: string
}

/**
 * Every committed change is in the topics exactly once, in commit order per key; coordinates grow; ordinals have no
 * holes; folded topics equal the tables. Resolves to the number of changes.
 */
export async function proveExactlyOnce(scene: Judged): Promise<number> {
  const tables = await readTables(scene)
  for (const [table, events] of tables) {
    assertCoordinatesGrow(events)
    await assertAllIsThere(scene, table, events)
    assertSameByKey(foldedByKey(fold(events)), await tableRows(scene.databaseUrl, table))
  }
  const changes = [...tables.values()].flatMap(changesOf)
  assertOrdinalsWithoutHoles(changes)
  return changes.length
}

/**
 * The same of what is left when a reader takes only what is newer than what it has, by the coordinate; what comes
 * again comes as it came before, in one piece up to where it had stopped. Resolves to how much came again.
 */
export async function proveAtLeastOnce(scene: Judged): Promise<{ changes: number; repeats: number }> {
  const tables = await readTables(scene)
  const kept: Envelope[][] = []
  let repeats = 0
  for (const [table, events] of tables) {
    const first = withoutReplays(events)
    repeats += changesOf(events).length - changesOf(first).length
    await assertAllIsThere(scene, table, first)
    // The folding that knows of no coordinate must end the same, since the last event of each key is its last change.
    for (const folded of [fold(first), fold(events)]) {
      assertSameByKey(foldedByKey(folded), await tableRows(scene.databaseUrl, table))
    }
    kept.push(changesOf(first))
  }
  const changes = kept.flat()
  assertOrdinalsWithoutHoles(changes)
  return { changes: changes.length, repeats }
}

async function readTables({ name, kafka, registry }: Judged): Promise<Map<string, ReadEvent[]>> {
  return new Map(
    await Promise.all(
      AUDITED_TABLES.map(
        async table => [table, await readTopic(kafka, registry, `${name}.public.${table}`)] as const,
      ),
    ),
  )
}

const changesOf = (events: readonly ReadEvent[]): Envelope[] =>
  events.flatMap(({ value }) => (value === null ? [] : [value]))

async function assertAllIsThere(
  { databaseUrl }: Judged,
  table: string,
  events: readonly ReadEvent[],
): Promise<void> {
  assertSameByKey(publishedChanges(events), await committedChanges(databaseUrl, table))
}

/** Key by key, so that a difference is told by its key and not by everything there is. */
function assertSameByKey(
  published: ReadonlyMap<string, unknown>,
  committed: ReadonlyMap<string, unknown>,
): void {
  for (const key of new Set([...published.keys(), ...committed.keys()])) {
    assert.deepEqual(published.get(key), committed.get(key), `published and committed differ for ${key}`)
  }
}

function assertCoordinatesGrow(events: readonly ReadEvent[]): void {
  const last = new Map<number, string>()
  for (const { partition, offset, value } of events) {
    if (value === null) continue
    const { sequence } = value.source
    assert.ok(sequence > (last.get(partition) ?? ''), `partition ${partition} goes back at offset ${offset}`)
    last.set(partition, sequence)
  }
}

/** Every ordinal of a transaction is there, once, on whichever topic and partition. */
function assertOrdinalsWithoutHoles(changes: readonly Envelope[]): void {
  const ordinals = new Map<string, number[]>()
  for (const { source } of changes) {
    const commit = source.sequence.slice(0, -9)
    const known = ordinals.get(commit) ?? []
    known.push(Number.parseInt(source.sequence.slice(-8), 16))
    ordinals.set(commit, known)
  }
  for (const [commit, found] of ordinals) {
    found
      .toSorted((a, b) => a - b)
      .forEach((ordinal, place) => {
        assert.equal(
          ordinal,
          place,
          `transaction ${commit} has ${found.length} changes, and ${place} is not there once`,
        )
      })
  }
}

/** A record's identity inside its partition: a delete and its tombstone share a place and a key. */
const identity = ({ key, value }: ReadEvent) => `${value?.source.sequence ?? 'tombstone'} ${key}`

/**
 * What came for the first time. What comes again must be a stretch of what came before: it begins anywhere, and goes
 * on record by record, until another replay begins or the end is reached and new records follow.
 */
function withoutReplays(events: readonly ReadEvent[]): ReadEvent[] {
  return [...Map.groupBy(events, ({ partition }) => partition).values()].flatMap(withoutReplaysOfOne)
}

function withoutReplaysOfOne(events: readonly ReadEvent[]): ReadEvent[] {
  const first: ReadEvent[] = []
  const places = new Map<string, number>()
  /** Where in `first` the next record stands if it is repeated. */
  let next = 0
  for (const event of events) {
    const { partition, offset, value } = event
    if (next < first.length && identity(event) === identity(first[next] as ReadEvent)) {
      next++
      continue
    }
    const place = value === null ? undefined : places.get(value.source.sequence)
    if (place !== undefined) {
      next = place + 1
      continue
    }
    const where = `partition ${partition} at offset ${offset}`
    assert.equal(next, first.length, `${where}: a replay is left before its end`)
    const last = first.findLast(({ value }) => value !== null)?.value?.source.sequence ?? ''
    assert.ok(value === null || value.source.sequence > last, `${where} goes back to what never came`)
    if (value !== null) places.set(value.source.sequence, first.length)
    first.push(event)
    next = first.length
  }
  return first
}
