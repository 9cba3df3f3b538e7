import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Cursor } from '../../../../connectors/postgres/cursor.ts'
import { LogReader } from '../../../../connectors/postgres/log-reader.ts'
import { MessageRules } from '../../../../connectors/postgres/messages.ts'
import type { Relation } from '../../../../connectors/postgres/pgoutput.ts'
import { type Position, readPosition } from '../../../../connectors/postgres/position.ts'
import { TableFilter } from '../../../../connectors/postgres/table-filter.ts'
import { Tables } from '../../../../connectors/postgres/tables.ts'
import { Batcher } from '../../../../core/batcher.ts'
import { TributaryError } from '../../../../core/errors.ts'
import { EventTrace } from '../../../../core/event-trace.ts'
import { UNAVAILABLE, Unfit } from '../../../../core/types.ts'
import { table } from '../../../support/events.ts'
import { letter, UNCHANGED, WireMessages } from '../../../support/pgoutput-messages.ts'

const START: Position = { lsn: 0x100n, cut: null }
const column = (name: string, typeOid: number, isIdentity = false) => ({
  name,
  typeOid,
  typeModifier: -1,
  isIdentity,
})
const ITEMS: Relation = {
  id: 1,
  schema: 'public',
  name: 'items',
  identity: 'default',
  columns: [column('id', 23, true), column('name', 25)],
}

function logReader(from: Position = START, messages?: MessageRules) {
  const batcher = new Batcher()
  const asked: string[] = []
  const tables = new Tables({
    database: 'shop',
    filter: new TableFilter(['public.*', '!public.other']),
    keys: {},
    decimals: 'precise',
    lookUp: async ({ name, columns }) => {
      asked.push(name)
      return {
        primaryKey: { columns: ['id'], isDeferrable: false },
        baseTypes: columns,
        typeNames: columns.map(() => 'some type'),
        hasPartialOldRows: false,
      }
    },
  })
  let replies = 0
  const parts = {
    batcher,
    tables,
    messages,
    from,
    epoch: 1,
    fingerprint: '00000000',
    where: 'Connector shop',
  }
  const reader = new LogReader({ ...parts, onReplyWanted: () => replies++ })
  const read = async (...messages: readonly Buffer[]) => {
    const cursor = new Cursor()
    for (const message of messages) {
      cursor.turnTo(message, 0, message.length)
      await reader.read(cursor)
    }
    return batcher.take(place => reader.entry(place))
  }
  return { read, reader, asked, replies: () => replies }
}

const wire = new WireMessages()
const begin = (xid = 7, commitLsn = 0x200n) => wire.begin({ xid, commitLsn, timeUs: 1_000_000n })
const commit = (commitLsn = 0x200n, endLsn = 0x230n) => wire.commit({ commitLsn, endLsn })

it('A transaction is told with its id, time and coordinate, and the place of each row in the log', async () => {
  const { read } = logReader()
  const lsn = wire.lsn + 16n
  const { events, checkpoint, complete } = await read(
    begin(-2),
    wire.relation(ITEMS),
    wire.insert(1, ['1', 'a']),
    commit(),
  )
  assert.deepEqual(events[0]?.commit, {
    id: '4294967294',
    timeUs: 946_684_801_000_000,
    coordinate: '0001-0000000000000200',
    source: { txId: 4294967294, xmin: null },
  })
  assert.deepEqual(events[0]?.after, [1, 'a'])
  assert.equal(events[0]?.logPosition, Number(lsn))
  assert.deepEqual(checkpoint.stream, { position: '1;lsn=0/230', epoch: 1 })
  assert.equal(complete, true)
})

it('A place in the log beyond the safe integers is exact too', async () => {
  const { read } = logReader()
  const far = new WireMessages()
  far.lsn = 0xffff_ffff_0000_0001n
  const { events } = await read(begin(), wire.relation(ITEMS), far.insert(1, ['1', 'a']), commit())
  assert.equal(events[0]?.logPosition, 0xffff_ffff_0000_0001n)
})

it('A value that was not sent is not null', async () => {
  const { read } = logReader()
  const { events } = await read(
    begin(),
    wire.relation(ITEMS),
    wire.update(1, { after: ['1', UNCHANGED] }),
    wire.update(1, { key: ['1', null], after: ['2', UNCHANGED] }),
    wire.delete(1, { key: ['2', null] }),
    commit(),
  )
  assert.deepEqual(
    events.map(({ op, before, after }) => [op, before, after]),
    [
      ['u', null, [1, UNAVAILABLE]],
      ['d', [1, UNAVAILABLE], null],
      ['c', null, [2, UNAVAILABLE]],
      ['d', [2, UNAVAILABLE], null],
    ],
  )
})

it('A NaN that has no decimal form is not taken for the value before', async () => {
  const { read } = logReader()
  const numeric = { ...column('n', 1700, true), typeModifier: 4 + ((5 << 16) | 2) }
  const { events } = await read(
    begin(),
    wire.relation({ ...ITEMS, identity: 'full', columns: [column('id', 23, true), numeric] }),
    wire.update(1, { before: ['1', '5.00'], after: ['1', 'NaN'] }),
    commit(),
  )
  assert.deepEqual(events[0]?.after, [1, new Unfit('NaN')])
})

it('Tables that are not captured are passed over without looking them up', async () => {
  const { read, asked } = logReader()
  const other = { ...ITEMS, id: 2, name: 'other' }
  const { events, checkpoint } = await read(
    begin(),
    wire.relation(other),
    wire.insert(2, ['not a number', 'a']),
    wire.truncate([2]),
    commit(),
  )
  assert.deepEqual([events, asked], [[], []])
  assert.equal(checkpoint.stream?.position, '1;lsn=0/230')
})

it('A table that is described again without a change is the same object', async () => {
  const { read } = logReader()
  const again = [wire.relation(ITEMS), wire.insert(1, ['1', 'a'])]
  const changed = { ...ITEMS, columns: [column('id', 20, true), column('name', 25)] }
  const { events } = await read(
    begin(),
    ...again,
    ...again,
    wire.relation(changed),
    wire.insert(1, ['1', 'a']),
    ...again,
    commit(),
  )
  const [first, second, third, fourth] = events.map(({ table }) => table)
  assert.equal(first, second)
  assert.notEqual(second, third)
  assert.equal(fourth, first)
})

it('Progress is made by commits, and between them by keepalives, and never goes back', async () => {
  const { read, reader, replies } = logReader()
  await read(wire.keepalive(0x150n, true))
  assert.equal(reader.progress, 0x150n)
  await read(begin(), wire.keepalive(0x900n))
  assert.equal(reader.progress, 0x150n)
  await read(commit(), wire.keepalive(0x180n))
  assert.equal(reader.progress, 0x230n)
  assert.equal(replies(), 1)
})

it('A place inside a transaction is its beginning with a count, which never falls behind what is published', async () => {
  const rows = [wire.relation(ITEMS), ...['1', '2', '3'].map(id => wire.insert(1, [id, 'a']))]
  const { read, reader } = logReader()
  assert.deepEqual((await read(begin(), ...rows)).complete, false)
  const { position } = reader.entry('inside')
  assert.match(position, /^1;lsn=0\/100;commit=0\/200;xid=7;skip=3;capture=00000000;trace=[0-9a-f]{8}$/)
  const again = logReader(readPosition(position))
  await again.read(wire.keepalive(0x1f0n), begin(), ...rows.slice(0, 2))
  assert.equal(again.reader.entry('inside').position, reader.entry('inside').position)
  const { events } = await again.read(...rows.slice(2), wire.insert(1, ['4', 'a']), commit())
  assert.deepEqual(
    events.map(({ ordinal, after }) => [ordinal, after?.[0]]),
    [[3, 4]],
  )
  assert.equal(again.reader.entry('inside').position, '1;lsn=0/230')
})

it('After a cut, nothing but the transaction that was cut is accepted', async () => {
  const from = {
    lsn: 0x100n,
    cut: { commitLsn: 0x200n, xid: 7, skip: 1, capture: '00000000', trace: '00000000' },
  }
  const refused: readonly (readonly Buffer[])[] = [
    [begin(), wire.relation(ITEMS), wire.insert(1, ['1', 'a'])],
    [begin(8)],
    [begin(7, 0x201n)],
    [begin(6, 0x180n), wire.relation(ITEMS), wire.insert(1, ['1', 'a'])],
    [wire.keepalive(0x201n)],
    [begin(), commit()],
  ]
  for (const messages of refused) {
    await assert.rejects(logReader(from).read(...messages), {
      code: 'REPLAY_MISMATCH',
      message: /Connector shop, at /,
    })
  }
  // One in which nothing was captured may come first.
  const same = new EventTrace()
  same.add(table('items'), 'c')
  await logReader({ ...from, cut: { ...from.cut, trace: same.text } }).read(
    begin(6, 0x180n),
    commit(0x180n, 0x190n),
    begin(),
    wire.relation(ITEMS),
    wire.insert(1, ['1', 'a']),
    commit(),
  )
})

it('A row that is too large to be read is refused with its table and size', async () => {
  const { read } = logReader()
  const row = wire.insert(1, ['1', 'a'])
  // Memory that nobody writes to is not taken from the machine.
  const large = Buffer.alloc(row.length + (256 << 20))
  row.copy(large)
  await assert.rejects(read(begin(), wire.relation(ITEMS), large), {
    code: 'ROW_TOO_LARGE',
    message: /public\.items takes 2684\d+ bytes/,
  })
})

it('A message in no transaction is an event of its own, told once, and progress up to its end', async () => {
  const note = (endLsn: bigint) =>
    wire.message(endLsn, { isTransactional: false, prefix: 'note', content: 'a' })
  const { read, reader } = logReader(START, new MessageRules(['*'], 'shop'))
  const { events } = await read(note(0x100n), note(0x140n), note(0x140n), note(0x150n), begin())
  assert.deepEqual(
    events.map(({ commit, ordinal, after }) => [commit.id, commit.coordinate, ordinal, after?.[0]]),
    [
      ['', '0001-000000000000013f', 0, 'note'],
      ['', '0001-000000000000014f', 0, 'note'],
    ],
  )
  assert.equal(events[0]?.commit.timeUs, 946_684_800_000_000)
  assert.equal(reader.progress, 0x150n)
  const other = logReader(START, new MessageRules(['other'], 'shop'))
  assert.deepEqual((await other.read(note(0x140n))).events, [])
  assert.equal(other.reader.progress, 0x140n)
})

it('A message stands in a transaction if and only if it is part of it', async () => {
  const note = (isTransactional: boolean) =>
    wire.message(0x140n, { isTransactional, prefix: 'note', content: 'a' })
  for (const messages of [[note(true)], [begin(), note(false)]]) {
    const { read } = logReader(START, new MessageRules(['*'], 'shop'))
    await assert.rejects(read(...messages), { code: 'PROTOCOL_MALFORMED', message: /not part of/ })
  }
})

it('What is not known is refused with its kind and place, and so is what does not fit together', async () => {
  const row = (...parts: readonly Buffer[]) => [begin(), wire.relation(ITEMS), wire.walData(...parts)]
  const refused: readonly (readonly [string, RegExp, readonly Buffer[]])[] = [
    ['PROTOCOL_UNKNOWN', /0x53 \(S\)/, [wire.walData(letter('S'))]],
    ['PROTOCOL_UNKNOWN', /0x78/, [letter('x')]],
    [
      'PROTOCOL_UNKNOWN',
      /value of unknown kind 0x62/,
      row(letter('I'), Buffer.of(0, 0, 0, 1), letter('N'), Buffer.of(0, 2), letter('b')),
    ],
    ['PROTOCOL_UNKNOWN', /row of unknown kind/, row(letter('I'), Buffer.of(0, 0, 0, 1), letter('X'))],
    ['PROTOCOL_MALFORMED', /table 9/, [begin(), wire.insert(9, [])]],
    [
      'PROTOCOL_MALFORMED',
      /3 columns where 2/,
      [begin(), wire.relation(ITEMS), wire.insert(1, ['1', 'a', 'b'])],
    ],
    ['PROTOCOL_MALFORMED', /goes on/, [Buffer.concat([begin(), Buffer.of(0)])]],
    ['PROTOCOL_MALFORMED', /does not belong/, [begin(), commit(0x999n)]],
    ['PROTOCOL_MALFORMED', /before the one that has begun/, [begin(), begin(8, 0x300n)]],
    ['PROTOCOL_MALFORMED', /outside any transaction/, [wire.relation(ITEMS), wire.insert(1, ['1', 'a'])]],
    [
      'VALUE_INVALID',
      /Column id of public.items/,
      [begin(), wire.relation(ITEMS), wire.insert(1, ['secret', 'a'])],
    ],
  ]
  for (const [code, message, messages] of refused) {
    await assert.rejects(logReader().read(...messages), (error: unknown) => {
      assert.ok(error instanceof TributaryError)
      assert.equal(error.code, code)
      assert.match(error.message, message)
      assert.match(error.message, /^Connector shop, at [0-9A-F]+\/[0-9A-F]+: /)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
  }
})

it('A message that is cut short anywhere is refused, never read beyond its end', async () => {
  const messages = [
    begin(),
    commit(),
    wire.relation(ITEMS),
    wire.update(1, { key: ['1', null], after: ['2', 'some text'] }),
    wire.delete(1, { key: ['1', null] }),
    wire.truncate([1, 1]),
    wire.message(0x140n, { isTransactional: true, prefix: 'note', content: 'some text' }),
    wire.keepalive(0x900n),
  ]
  const cutShort = fc
    .constantFrom(...messages)
    .chain(message => fc.nat(message.length - 1).map(length => message.subarray(0, length)))
  await fc.assert(
    fc.asyncProperty(cutShort, async message => {
      const { read } = logReader()
      await read(begin(), wire.relation(ITEMS))
      // What lies behind the message in memory is another one.
      const memory = Buffer.concat([message, wire.insert(1, ['1', 'beyond'])]).subarray(0, message.length)
      await assert.rejects(read(memory), { code: 'PROTOCOL_MALFORMED' })
    }),
  )
})
