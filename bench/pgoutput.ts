// Decoding alone: messages of a 12-column table, as they come from the link, become events in batches. No server.

import { Cursor } from '../connectors/postgres/cursor.ts'
import { Inbox } from '../connectors/postgres/inbox.ts'
import { LogReader } from '../connectors/postgres/log-reader.ts'
import { TableFilter } from '../connectors/postgres/table-filter.ts'
import { Tables } from '../connectors/postgres/tables.ts'
import { Batcher } from '../core/batcher.ts'
import { WireMessages } from '../test/support/pgoutput-messages.ts'

/** Name, type OID, type modifier and a value: about 220 bytes a row. */
const COLUMNS = [
  ['id', 20, -1, '1234567'],
  ['customer', 23, -1, '48213'],
  ['status', 25, -1, 'shipped'],
  ['total', 1700, 655366, '1299.95'],
  ['currency', 1043, 7, 'EUR'],
  ['is_gift', 16, -1, 'f'],
  ['placed_at', 1184, -1, '2026-03-14 15:09:26.535897+00'],
  ['ships_on', 1082, -1, '2026-03-17'],
  ['weight', 701, -1, '12.375'],
  ['reference', 2950, -1, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['address', 25, -1, '17 Rue de la Paix, 75002 Paris, France'],
  ['items', 23, -1, '3'],
] as const

const ROUNDS = 10
const ROWS_PER_ROUND = 100_000
const ROWS_PER_TRANSACTION = 1_000

export interface Measurement {
  readonly name: string
  readonly rowsPerSecond: number
}

/** Best of some rounds, so that what else the machine does counts least. */
export async function measureDecoding(op: 'insert' | 'update'): Promise<Measurement> {
  const parts = await decoder()
  const values = COLUMNS.map(column => column[3])
  const row =
    op === 'insert' ? parts.wire.insert(1, values) : parts.wire.update(1, { before: values, after: values })
  let best = 0
  for (let round = 0; round < ROUNDS; round++) best = Math.max(best, decodeRound(parts, row))
  return { name: `pgoutput ${op}`, rowsPerSecond: Math.round(best) }
}

type Parts = Awaited<ReturnType<typeof decoder>>

async function decoder() {
  const wire = new WireMessages()
  const cursor = new Cursor()
  const inbox = new Inbox({ pause: () => undefined, resume: () => undefined })
  const batcher = new Batcher()
  const tables = new Tables({
    database: 'bench',
    filter: new TableFilter(['*.*']),
    keys: {},
    decimals: 'precise',
    lookUp: async () => ({
      primaryKey: { columns: ['id'], isDeferrable: false },
      baseTypes: COLUMNS.map(([, typeOid, typeModifier]) => ({ typeOid, typeModifier })),
      typeNames: COLUMNS.map(([name]) => name),
      hasPartialOldRows: false,
    }),
  })
  const reader = new LogReader({
    batcher,
    tables,
    from: { lsn: 1n, cut: null },
    epoch: 1,
    fingerprint: '00000000',
    onReplyWanted: () => undefined,
    where: 'bench',
  })
  const columns = COLUMNS.map(([name, typeOid, typeModifier]) => ({
    name,
    typeOid,
    typeModifier,
    isIdentity: true,
  }))
  inbox.push(wire.relation({ id: 1, schema: 'public', name: 'orders', identity: 'full', columns }))
  inbox.next(cursor)
  await reader.read(cursor)
  return { wire, cursor, inbox, batcher, reader }
}

/** Rows per second, copying into the inbox included. */
function decodeRound({ wire, cursor, inbox, batcher, reader }: Parts, row: Buffer): number {
  const [begin, commit] = [
    wire.begin({ xid: 7, commitLsn: 100n }),
    wire.commit({ commitLsn: 100n, endLsn: 101n }),
  ]
  const startedAt = performance.now()
  for (let done = 0; done < ROWS_PER_ROUND; done += ROWS_PER_TRANSACTION) {
    inbox.push(begin)
    for (let count = 0; count < ROWS_PER_TRANSACTION; count++) inbox.push(row)
    inbox.push(commit)
    while (inbox.next(cursor)) reader.read(cursor)
    batcher.take(place => reader.entry(place))
  }
  return ROWS_PER_ROUND / ((performance.now() - startedAt) / 1000)
}

if (import.meta.main) {
  for (const op of ['insert', 'update'] as const) {
    const { name, rowsPerSecond } = await measureDecoding(op)
    console.log(`${name.padEnd(20)} ${rowsPerSecond.toLocaleString('en')} rows/s`)
  }
}
