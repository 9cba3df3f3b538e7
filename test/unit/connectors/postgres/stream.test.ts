import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Inbox } from '../../../../connectors/postgres/inbox.ts'
import { LogReader } from '../../../../connectors/postgres/log-reader.ts'
import type { Relation } from '../../../../connectors/postgres/pgoutput.ts'
import { streamBatches } from '../../../../connectors/postgres/stream.ts'
import { TableFilter } from '../../../../connectors/postgres/table-filter.ts'
import { Tables } from '../../../../connectors/postgres/tables.ts'
import { Batcher } from '../../../../core/batcher.ts'
import { TributaryError } from '../../../../core/errors.ts'
import type { ChangeBatch } from '../../../../core/types.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { letter, WireMessages } from '../../../support/pgoutput-messages.ts'

const column = (name: string, typeOid: number, isIdentity = false) => ({
  name,
  typeOid,
  typeModifier: -1,
  isIdentity,
})
const items = (...more: Relation['columns']): Relation => ({
  id: 1,
  schema: 'public',
  name: 'items',
  identity: 'default',
  columns: [column('id', 23, true), ...more],
})

const wire = new WireMessages()
const transaction = (lsn: bigint, ...rows: readonly Buffer[]) => [
  wire.begin({ xid: Number(lsn), commitLsn: lsn }),
  ...rows,
  wire.commit({ commitLsn: lsn, endLsn: lsn + 1n }),
]

/** The batches that come of messages which have all arrived before any is read, and what ended them. */
async function batchesOf(messages: readonly Buffer[]): Promise<{ batches: ChangeBatch[]; failure: unknown }> {
  const inbox = new Inbox({ pause: () => undefined, resume: () => undefined })
  const batcher = new Batcher()
  const tables = new Tables({
    database: 'shop',
    filter: new TableFilter(['public.*']),
    keys: {},
    decimals: 'precise',
    lookUp: async ({ columns }) => ({
      primaryKey: { columns: ['id'], isDeferrable: false },
      baseTypes: columns,
      typeNames: columns.map(() => 'some type'),
      hasPartialOldRows: false,
    }),
  })
  const reader = new LogReader({
    batcher,
    tables,
    from: { lsn: 0n, cut: null },
    epoch: 1,
    fingerprint: '00000000',
    onReplyWanted: () => undefined,
    where: 'Connector shop',
  })
  for (const message of messages) inbox.push(message)
  inbox.fail(new TributaryError('SOURCE_CONNECTION_LOST', 'The link has ended.'))
  const reading = { inbox, batcher, reader, keepalive: { isServerWaiting: false, durableLsn: 0n } }
  const options = { clock: new ManualClock(), heartbeatMs: 1_000 }
  const batches: ChangeBatch[] = []
  try {
    for await (const batch of streamBatches(reading, options, new AbortController().signal)) {
      batches.push(batch)
    }
  } catch (failure) {
    return { batches, failure }
  }
  return { batches, failure: null }
}

const ids = (batches: readonly ChangeBatch[]) =>
  batches.map(({ events }) => events.map(({ after }) => after?.[0]))

it('rows of a new shape never share a batch with what was committed before, however they arrive', async () => {
  const { batches } = await batchesOf([
    ...transaction(0x10n, wire.relation(items()), wire.insert(1, ['1'])),
    ...transaction(0x20n, wire.insert(1, ['2'])),
    ...transaction(0x30n, wire.relation(items(column('name', 25))), wire.insert(1, ['3', 'c'])),
  ])
  assert.deepEqual(ids(batches), [[], [1, 2], [3]])
  assert.ok(batches.every(({ complete }) => complete))
})

it('what was committed before a message that cannot be read is handed over before the failure', async () => {
  const { batches, failure } = await batchesOf([
    ...transaction(0x10n, wire.relation(items()), wire.insert(1, ['1'])),
    ...transaction(0x20n, wire.insert(1, ['2']), wire.walData(letter('?'))),
    ...transaction(0x30n, wire.insert(1, ['3'])),
  ])
  assert.deepEqual(ids(batches), [[], [1]])
  assert.equal((failure as TributaryError).code, 'PROTOCOL_UNKNOWN')
})
