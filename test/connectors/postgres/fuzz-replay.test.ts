import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type Client, DatabaseError } from 'pg'
import { TributaryError } from '../../../core/errors.ts'
import type { ChangeBatch, ChangeEvent, Checkpoint } from '../../../core/types.ts'
import { fields, keyNames, onEveryServer, type Scene, told } from './scene.ts'
import { CAPTURED, Dice, WORKLOAD_TABLES, Workload } from './workload.ts'

// Random transactions of several sessions, read twice: once in tiny batches by readers that are stopped again and again,
// each going on at a checkpoint that may be older than what was pulled; once in one go, from a copy of the slot.
// Both must tell the same, event for event, and add up to the tables.

const SESSIONS = 3
/** Of each session. */
const TRANSACTIONS = 300
const MARKER = -1
const SETTINGS = { tables: ['public.*', '!public.unseen'], heartbeatMs: 100 }

onEveryServer('random transactions', scene => {
  it('are told the same however often reading is stopped, and add up to the tables', async t => {
    const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
    t.diagnostic(`FUZZ_SEED=${seed}`)
    const { database } = scene
    const copy = `${database.slot}_copy`
    await database.commit(
      WORKLOAD_TABLES,
      `CREATE PUBLICATION ${database.slot} FOR ALL TABLES WITH (publish_via_partition_root)`,
    )
    const first = await scene.begin({ settings: SETTINGS })
    await first.stop()
    await database.query('SELECT pg_copy_logical_replication_slot($1, $2)', [database.slot, copy])
    const [inPieces] = await Promise.all([
      readInPieces(scene, first.checkpoint, new Dice(seed)),
      write(scene, new Dice(seed + 1)),
    ])
    const settings = { ...SETTINGS, slot: copy, publication: database.slot }
    const whole = scene.reader({}, { settings })
    await whole.pullUntil(isThrough)
    assert.deepEqual(inPieces.map(line), whole.events.map(line), `FUZZ_SEED=${seed}`)
    for (const table of CAPTURED) await addsUp(scene, table, inPieces)
    t.diagnostic(`${inPieces.length} events, ${new Set(whole.events.map(event => event.table)).size} shapes`)
  })
})

/** Several sessions write at once; when all have ended, the marker is written. */
async function write({ database }: Scene, dice: Dice): Promise<void> {
  const workload = new Workload(dice)
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, () => database.connect()))
  try {
    await Promise.all(sessions.map(session => writeMany(session, workload)))
  } finally {
    await Promise.all(sessions.map(session => session.end()))
  }
  // Keys that are taken while they are reached, and that nothing later sets right.
  await database.commit(
    `INSERT INTO shifting (id, v) SELECT n, 'w' || n FROM generate_series(100, 110) n`,
    'UPDATE shifting SET id = id + 1',
    `INSERT INTO plain (id) VALUES (${MARKER})`,
  )
}

async function writeMany(session: Client, workload: Workload): Promise<void> {
  await session.query('SET deadlock_timeout = 20')
  for (let count = 0; count < TRANSACTIONS; count++) {
    try {
      for (const statement of workload.transaction()) await session.query(statement)
    } catch (error) {
      // A key that is taken, a column that is gone, a deadlock: not one of these may be told.
      if (!(error instanceof DatabaseError)) throw error
      await session.query('ROLLBACK')
    }
  }
}

const isThrough = ({ batches }: { batches: readonly ChangeBatch[] }): boolean =>
  batches.at(-1)?.events.some(({ after }) => after?.[0] === MARKER) ?? false

/** One reader after the other, until the marker has come. */
async function readInPieces(scene: Scene, from: Checkpoint, dice: Dice): Promise<ChangeEvent[]> {
  const durable: ChangeEvent[] = []
  for (let checkpoint = from; ; ) {
    const batches = await readPiece(scene, checkpoint, dice)
    for (const batch of batches) durable.push(...batch.events)
    checkpoint = batches.at(-1)?.checkpoint ?? checkpoint
    if (isThrough({ batches })) return durable
  }
}

/**
 * What one reader pulled and made durable before it was stopped, or the server ended its link. What was pulled last may be
 * lost with the reader, but never what was acknowledged.
 */
async function readPiece(scene: Scene, from: Checkpoint, dice: Dice): Promise<readonly ChangeBatch[]> {
  const limits = { maxEvents: 1 + dice.roll(9), maxBytes: dice.roll(3) === 0 ? 40 : 1 << 20 }
  const reader = scene.reader(from, { settings: SETTINGS, limits })
  const { batches, source } = reader
  const [pulls, cutAt] = [1 + dice.roll(40), dice.roll(80)]
  let acknowledged = 0
  try {
    while (batches.length < pulls && !isThrough(reader)) {
      if (batches.length === cutAt) await scene.database.cutLink()
      const { checkpoint } = await reader.pull()
      if (dice.roll(5) > 0) continue
      source.acknowledge(checkpoint)
      acknowledged = batches.length
    }
    await reader.stop()
  } catch (error) {
    // The slot is not free yet, or the link is cut.
    if (!(error instanceof TributaryError) || error.reaction !== 'retry') throw error
    await source.close()
  }
  return isThrough(reader)
    ? batches
    : batches.slice(0, acknowledged + dice.roll(batches.length - acknowledged + 1))
}

/** An event with everything that must be the same when it is read again. */
const line = (event: ChangeEvent): string =>
  JSON.stringify([
    `${event.commit.coordinate}-${event.ordinal}`,
    event.tableOrdinal,
    Number(event.logPosition),
    event.commit.id,
    event.commit.timeUs,
    event.table.name,
    keyNames(event.table),
    event.table.columns,
    told(event),
  ])

/** The last event of each key tells the row as it is in the table. */
async function addsUp({ database }: Scene, table: string, events: readonly ChangeEvent[]): Promise<void> {
  const rows = new Map<unknown, Record<string, unknown>>()
  for (const event of events) {
    if (event.table.name !== table) continue
    const [before, after] = [fields(event.table, event.before), fields(event.table, event.after)]
    if (event.op === 't') rows.clear()
    if (event.op === 'd') rows.delete(before?.id)
    if (after)
      rows.set(after.id, { ...after, big: after.big === undefined ? rows.get(after.id)?.big : after.big })
  }
  const found = await database.query<{ id: number; v: string; big: string | null }>(
    `SELECT id, v, big FROM ${table} ORDER BY id`,
  )
  assert.deepEqual(
    [...rows.keys()].map(Number).toSorted((a, b) => a - b),
    found.map(({ id }) => id),
    table,
  )
  for (const { id, v, big } of found) {
    const row = rows.get(id)
    assert.equal(row?.v, v, `${table} ${id}`)
    // A large value that moved to another key unchanged is not sent.
    if (row?.big !== undefined) assert.equal(row?.big, big, `${table} ${id}`)
  }
}
