import { Cursor } from '../../../connectors/postgres/cursor.ts'
import { Inbox } from '../../../connectors/postgres/inbox.ts'
import { LogReader } from '../../../connectors/postgres/log-reader.ts'
import { MessageRules } from '../../../connectors/postgres/messages.ts'
import type { Relation } from '../../../connectors/postgres/pgoutput.ts'
import { type Position, readPosition } from '../../../connectors/postgres/position.ts'
import { streamBatches } from '../../../connectors/postgres/stream.ts'
import { TableFilter } from '../../../connectors/postgres/table-filter.ts'
import { Tables } from '../../../connectors/postgres/tables.ts'
import type { BaseType } from '../../../connectors/postgres/types/codec.ts'
import { Batcher, type BatchLimits } from '../../../core/batcher.ts'
import { systemClock } from '../../../core/clock.ts'
import { TributaryError } from '../../../core/errors.ts'
import type { ChangeBatch, Encoder } from '../../../core/types.ts'
import { letter, type TupleValue, UNCHANGED, WireMessages } from '../../support/pgoutput-messages.ts'
import { avroEncoder, jsonEncoder } from '../../unit/schemas/encoding.ts'
import { CANARY, type Input, type Target } from '../target.ts'
import { HOSTILE_TEXTS } from './hostile.ts'
import { BASE_TYPES, TYPED_TEXTS } from './typed-texts.ts'

const ENVELOPE_BYTES = 25
const BEGINNING: Position = { lsn: 0n, cut: null }
const SMALLEST: BatchLimits = { maxEvents: 2, maxBytes: 40 }
const MOST_CRASHES = 4
const COLUMNS = 6
const NEVER = new AbortController().signal

/** Messages of a replication link, read into rows, and what these become as records. */
export function logTargets(recorded: readonly Input[]): Target[] {
  const common = {
    corpus: [...madeTransactions(), ...recorded],
    hostile: HOSTILE_TEXTS.map(hostileTransaction),
    isSequence: true,
    growth: 64,
    tellsCanary: (input: Input) => input.some(hasNameOfValue),
  }
  const codes = ['PROTOCOL_UNKNOWN', 'PROTOCOL_MALFORMED', 'VALUE_INVALID', 'KEY_UNKNOWN'] as const
  return [
    { ...common, name: 'the log', turns: 30, codes, read: async input => void (await readLog(input)) },
    {
      ...common,
      name: 'the log, resumed',
      turns: 15,
      hostile: [],
      codes: [...codes, 'REPLAY_MISMATCH'],
      read: readInPieces,
    },
    {
      ...common,
      name: 'the log, encoded',
      turns: 10,
      codes: [...codes, 'NAME_COLLISION', 'SCHEMA_INCOMPATIBLE', 'KAFKA_TOPIC_UNSUITABLE'],
      read: async input => {
        const batch = await readLog(input)
        for (const encoder of [avroEncoder(), jsonEncoder()]) await encode(encoder, batch)
      },
    },
  ]
}

/** What reads a log from a position on. */
function parts(from: Position, limits?: BatchLimits) {
  const batcher = new Batcher(limits)
  const tables = new Tables({
    database: 'shop',
    filter: new TableFilter(['*.*']),
    keys: {},
    decimals: 'precise',
    lookUp: async ({ columns }) => ({
      primaryKey: columns.some(({ name }) => name === 'id') ? { columns: ['id'], isDeferrable: false } : null,
      baseTypes: columns.map(column => BASE_TYPES.get(column.typeOid) ?? column),
      typeNames: columns.map(({ typeOid }) => `type ${typeOid}`),
      hasPartialOldRows: false,
    }),
  })
  const reader = new LogReader({
    batcher,
    tables,
    messages: new MessageRules(['*'], 'shop'),
    from,
    epoch: 1,
    fingerprint: '00000000',
    onReplyWanted: () => undefined,
    where: 'Connector shop',
  })
  return { batcher, reader }
}

async function readLog(messages: Input): Promise<ChangeBatch> {
  const { batcher, reader } = parts(BEGINNING)
  const cursor = new Cursor()
  for (const message of messages) {
    cursor.turnTo(message, 0, message.length)
    await reader.read(cursor)
  }
  return batcher.take(place => reader.entry(place))
}

/** In the smallest batches, and once more from the checkpoint of each, as after a crash. */
async function readInPieces(messages: Input): Promise<void> {
  const checkpoints = await streamFrom(BEGINNING, messages)
  for (const position of new Set(checkpoints.slice(0, MOST_CRASHES))) {
    await streamFrom(readPosition(position), messages)
  }
}

/** Positions of the batches, until the link ends. */
async function streamFrom(from: Position, messages: Input): Promise<string[]> {
  const inbox = new Inbox({ pause: () => undefined, resume: () => undefined })
  for (const message of messages) inbox.push(message)
  inbox.fail(new TributaryError('SOURCE_CONNECTION_LOST', 'The link has ended.'))
  const session = { ...parts(from, SMALLEST), inbox, keepalive: { isServerWaiting: false, durableLsn: 0n } }
  const clock = { ...systemClock, sleep: async () => undefined }
  const positions: string[] = []
  try {
    for await (const { checkpoint } of streamBatches(session, { clock, heartbeatMs: 1_000 }, NEVER)) {
      positions.push(checkpoint.stream?.position ?? '')
    }
  } catch (error) {
    if (!(error instanceof TributaryError) || error.code !== 'SOURCE_CONNECTION_LOST') throw error
  }
  return positions
}

async function encode(encoder: Encoder, batch: ChangeBatch): Promise<void> {
  await encoder.prepare(batch, new AbortController().signal)
  encoder.encode(batch)
}

/** Has a piece of a row got into a table's description? */
function hasNameOfValue(message: Buffer): boolean {
  return message[ENVELOPE_BYTES] === letter('R')[0] && message.includes(CANARY)
}

/** A long text in a row, and in a table's name. */
function hostileTransaction(text: Buffer): Input {
  const wire = new WireMessages()
  const column = { typeModifier: -1, isIdentity: false }
  const relation: Relation = {
    id: 1,
    schema: 'public',
    name: 'items',
    identity: 'full',
    columns: [
      { ...column, name: 'plain', typeOid: 25 },
      { ...column, name: 'many', typeOid: 1009 },
    ],
  }
  const begin = wire.begin({ xid: 7, commitLsn: 0x200n })
  const row = [String(text), `{${JSON.stringify(String(text))}}`]
  return [
    begin,
    wire.relation(relation),
    wire.insert(1, row),
    wire.relation({ ...relation, name: String(text) }),
  ]
}

/** Transactions over tables of a few columns, which together have every type: damage to one column is read in no time. */
function madeTransactions(): Input[] {
  const columns = TYPED_TEXTS.flatMap(({ type, texts }) => texts.map(text => ({ type, text })))
  const tables = Array.from({ length: Math.ceil(columns.length / COLUMNS) }, (_, index) =>
    columns.slice(index * COLUMNS, (index + 1) * COLUMNS),
  )
  return tables.flatMap(transactionsOf)
}

/** Every kind of message. */
function transactionsOf(types: readonly { type: BaseType; text: string }[]): Input[] {
  const column = (name: string, typeOid: number, typeModifier = -1) => ({
    name,
    typeOid,
    typeModifier,
    isIdentity: name === 'id',
  })
  const relation: Relation = {
    id: 1,
    schema: 'public',
    name: 'items',
    identity: 'default',
    columns: [
      column('id', 23),
      ...types.map(({ type }, index) => column(`c${index}`, type.typeOid, type.typeModifier)),
    ],
  }
  const row: TupleValue[] = ['1', ...types.map(({ text }) => text)]
  const wire = new WireMessages()
  const begin = wire.begin({ xid: 7, commitLsn: 0x200n, timeUs: 817_000_000_000_000n })
  const commit = wire.commit({ commitLsn: 0x200n, endLsn: 0x230n })
  const described = wire.relation(relation)
  const message = (isTransactional: boolean) =>
    wire.message(wire.lsn, { isTransactional, prefix: 'note', content: CANARY })
  const absent = row.map(
    (value, index): TupleValue => (index === 0 ? value : index % 2 === 0 ? null : UNCHANGED),
  )
  const old = row.map((value, index): TupleValue => (index === 0 ? value : null))
  return [
    [begin, described, wire.insert(1, row), commit],
    [begin, described, wire.update(1, { after: absent }), wire.update(1, { key: old, after: row }), commit],
    [begin, described, wire.update(1, { before: row, after: row }), wire.delete(1, { before: row }), commit],
    [begin, described, wire.delete(1, { key: old }), wire.truncate([1, 1]), commit],
    [message(false), begin, message(true), described, message(true), commit, message(false)],
    [wire.keepalive(0x150n, true), begin, wire.walData(letter('Onowhere\0')), described, commit],
  ]
}
