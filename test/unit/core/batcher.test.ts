import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Batcher, type Cut, type RowChange } from '../../../core/batcher.ts'
import type { ChangeEvent } from '../../../core/types.ts'
import { commit, table } from '../../support/events.ts'

const users = table('users')
const slots = table('slots', { deferrableKey: true })
const position = (place: string) => ({ position: place, epoch: 1 })

const change = (parts: Partial<RowChange>): RowChange => ({
  table: users,
  op: 'c',
  before: null,
  after: [1, 'a'],
  logPosition: 10,
  bytes: 5,
  ...parts,
})

const inOneTransaction = (changes: Partial<RowChange>[], published?: Cut): readonly ChangeEvent[] => {
  const batcher = new Batcher()
  batcher.begin(commit(1), published)
  for (const parts of changes) batcher.add(change(parts))
  batcher.end()
  return batcher.take(position).events
}

const told = (events: readonly ChangeEvent[]) =>
  events.map(({ op, before, after }) => `${op} ${String(before?.[0] ?? '-')} ${String(after?.[0] ?? '-')}`)

describe('batcher', () => {
  it('numbers the events of a transaction, and those of each table in it', () => {
    const orders = table('orders')
    const events = inOneTransaction([{}, { table: orders }, {}])
    assert.deepEqual(
      events.map(({ ordinal, tableOrdinal }) => [ordinal, tableOrdinal]),
      [
        [0, 0],
        [1, 0],
        [2, 1],
      ],
    )
  })

  it('numbers the events of a table on when its shape changes inside the transaction', () => {
    const events = inOneTransaction([{}, { table: table('orders') }, { table: table('users') }])
    assert.deepEqual(
      events.map(({ tableOrdinal }) => tableOrdinal),
      [0, 0, 1],
    )
  })

  it('begins at 0 again in the next transaction', () => {
    const batcher = new Batcher()
    for (const id of [1, 2]) {
      batcher.begin(commit(id))
      batcher.add(change({}))
      batcher.end()
    }
    assert.deepEqual(
      batcher.take(position).events.map(event => [event.commit.id, event.ordinal, event.tableOrdinal]),
      [
        ['1', 0, 0],
        ['2', 0, 0],
      ],
    )
  })

  it('makes a delete and a create of an update that changes the key, an ordinal each', () => {
    const events = inOneTransaction([{ op: 'u', before: [1, 'a'], after: [2, 'a'] }])
    assert.deepEqual(told(events), ['d 1 -', 'c - 2'])
    assert.deepEqual(
      events.map(({ ordinal }) => ordinal),
      [0, 1],
    )
  })

  it('leaves an update alone when its old key was not sent, or is the same', () => {
    assert.deepEqual(told(inOneTransaction([{ op: 'u', before: null, after: [2, 'a'] }])), ['u - 2'])
    assert.deepEqual(told(inOneTransaction([{ op: 'u', before: [2, 'b'], after: [2, 'a'] }])), ['u 2 2'])
  })

  it('leaves out as many events as an earlier run published, and keeps their ordinals', () => {
    const move: Partial<RowChange> = { op: 'u', before: [1, 'a'], after: [2, 'a'] }
    const events = inOneTransaction([{}, move, {}], { skip: 2 })
    assert.deepEqual(told(events), ['c - 2', 'c - 1'])
    assert.deepEqual(
      events.map(({ ordinal }) => ordinal),
      [2, 3],
    )
  })

  it('refuses a transaction that has become shorter than what was published of it', () => {
    assert.throws(() => inOneTransaction([{}], { skip: 2 }), { code: 'REPLAY_MISMATCH' })
  })

  it('refuses a transaction whose first events are others than those that were published', () => {
    const batcher = new Batcher()
    const move: Partial<RowChange> = { op: 'u', before: [1, 'a'], after: [2, 'a'] }
    batcher.begin(commit(1))
    batcher.add(change({}))
    batcher.add(change(move))
    const published = batcher.cut
    assert.equal(published.skip, 3)
    assert.deepEqual(told(inOneTransaction([{}, move, {}], published)), ['c - 1'])
    // Keyed by its name the row did not move, and its update is one event where there were two.
    const rekeyed = table('users', { key: [1] })
    const changes = [{}, move, {}, {}].map(parts => ({ ...parts, table: rekeyed }))
    assert.throws(() => inOneTransaction(changes, published), { code: 'REPLAY_MISMATCH', message: /key/ })
    assert.throws(() => inOneTransaction([{}, {}, {}], published), { code: 'REPLAY_MISMATCH' })
  })

  it('refuses a row outside a transaction', () => {
    assert.throws(() => new Batcher().add(change({})), { code: 'PROTOCOL_MALFORMED' })
  })

  it('is full by events or by bytes, and empty after it has been taken', () => {
    const batcher = new Batcher({ maxEvents: 2, maxBytes: 100 })
    batcher.begin(commit(1))
    batcher.add(change({}))
    assert.equal(batcher.isFull, false)
    batcher.add(change({}))
    assert.equal(batcher.isFull, true)
    assert.equal(batcher.take(position).bytes, 10)
    assert.equal(batcher.isEmpty, true)
    batcher.add(change({ bytes: 100 }))
    assert.equal(batcher.isFull, true)
  })

  it('is not full of events that are left out: there is nothing to hand over', () => {
    const batcher = new Batcher({ maxEvents: 2, maxBytes: 100 })
    batcher.begin(commit(1))
    for (let count = 0; count < 3; count++) batcher.add(change({ bytes: 1_000 }))
    const published = batcher.cut
    const again = new Batcher({ maxEvents: 2, maxBytes: 100 })
    again.begin(commit(1), published)
    for (let count = 0; count < published.skip; count++) {
      again.add(change({ bytes: 1_000 }))
      assert.deepEqual([again.isFull, again.isEmpty], [false, true])
    }
    again.add(change({ bytes: 1_000 }))
    assert.deepEqual([again.isFull, again.isEmpty], [true, false])
  })

  it('hands over whole transactions, and keeps what has come of the next', () => {
    const batcher = new Batcher()
    for (const id of [1, 2]) {
      batcher.begin(commit(id))
      batcher.add(change({}))
      if (id === 1) batcher.end()
    }
    const whole = batcher.take(position)
    assert.deepEqual(
      whole.events.map(event => event.commit.id),
      ['1'],
    )
    assert.deepEqual([whole.complete, whole.checkpoint.stream?.position, whole.bytes], [true, 'end', 5])
    assert.equal(batcher.isEmpty, false)
    const part = batcher.take(position)
    assert.deepEqual(
      part.events.map(event => event.commit.id),
      ['2'],
    )
    assert.deepEqual([part.complete, part.checkpoint.stream?.position, part.bytes], [false, 'inside', 5])
    batcher.add(change({}))
    batcher.end()
    const rest = batcher.take(position)
    assert.deepEqual([rest.events.length, rest.complete, rest.checkpoint.stream?.position], [1, true, 'end'])
  })

  it('tells the end of a transaction whose beginning was handed over, although no event comes with it', () => {
    const batcher = new Batcher()
    batcher.begin(commit(1))
    batcher.add(change({}))
    assert.equal(batcher.take(position).complete, false)
    assert.equal(batcher.isEmpty, true)
    batcher.end()
    assert.equal(batcher.isEmpty, false)
    batcher.begin(commit(2))
    batcher.add(change({}))
    const end = batcher.take(position)
    assert.deepEqual([end.events.length, end.complete, end.checkpoint.stream?.position], [0, true, 'end'])
    assert.equal(batcher.take(position).events.length, 1)
  })

  it('is at the end of a transaction while nothing has come of the next, unless a part of it was published', () => {
    const batcher = new Batcher()
    batcher.begin(commit(1))
    assert.equal(batcher.take(position).complete, true)
    batcher.begin(commit(1), { skip: 5 })
    assert.deepEqual(
      [batcher.take(position).complete, batcher.take(position).checkpoint.stream?.position],
      [false, 'inside'],
    )
  })
})

describe('a deferrable key', () => {
  const update = (from: unknown[], to: unknown[]): Partial<RowChange> => ({
    table: slots,
    op: 'u',
    before: from as RowChange['before'],
    after: to as RowChange['after'],
  })

  it('keeps the key that another row took before its holder left', () => {
    const events = inOneTransaction([update([1, 'a'], [2, 'a']), update([2, 'b'], [3, 'b'])])
    assert.deepEqual(told(events), ['d 1 -', 'c - 2', 'c - 3'])
  })

  it('gives up the spare key of a swap', () => {
    const events = inOneTransaction([
      update([1, 'a'], [99, 'a']),
      update([2, 'b'], [1, 'b']),
      update([99, 'a'], [2, 'a']),
    ])
    assert.deepEqual(told(events), ['d 1 -', 'c - 99', 'd 2 -', 'c - 1', 'd 99 -', 'c - 2'])
  })

  it('deletes a row that came in the same transaction, also after it has changed', () => {
    const events = inOneTransaction([
      { table: slots, op: 'c', after: [5, 'a'] },
      update([5, 'a'], [5, 'b']),
      { table: slots, op: 'd', before: [5, 'b'], after: null },
    ])
    assert.deepEqual(told(events), ['c - 5', 'u 5 5', 'd 5 -'])
  })

  it('leaves out the delete of a row whose key was taken by an insert', () => {
    const events = inOneTransaction([
      { table: slots, op: 'c', after: [5, 'new'] },
      { table: slots, op: 'd', before: [5, 'old'], after: null },
    ])
    assert.deepEqual(told(events), ['c - 5'])
  })

  it('forgets between transactions', () => {
    const batcher = new Batcher()
    batcher.begin(commit(1))
    batcher.add(change({ table: slots, after: [5, 'a'] }))
    batcher.end()
    batcher.begin(commit(2))
    batcher.add(change({ table: slots, op: 'd', before: [5, 'b'], after: null }))
    batcher.end()
    assert.deepEqual(told(batcher.take(position).events), ['c - 5', 'd 5 -'])
  })
})
