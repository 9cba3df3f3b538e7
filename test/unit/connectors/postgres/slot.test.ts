import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sourceFailure } from '../../../../connectors/postgres/failures.ts'
import { assertHolds, assertUsable, type Slot, slotFault } from '../../../../connectors/postgres/slot.ts'

const slot = (parts: Partial<Slot>): Slot => ({
  name: 'tributary_shop',
  type: 'logical',
  plugin: 'pgoutput',
  database: 'shop',
  isTemporary: false,
  isSynced: false,
  isFailover: false,
  isTwoPhase: false,
  readerPid: null,
  reader: null,
  walStatus: 'reserved',
  heldBytes: 0,
  confirmedLsn: 100n,
  lostBecause: null,
  logEndLsn: 200n,
  ...parts,
})

it('A slot holds what comes after the checkpoint if it begins there or before', () => {
  assertHolds(slot({}), 100n, 'Connector shop')
  assertHolds(slot({}), 200n, 'Connector shop')
  assert.throws(() => assertHolds(slot({}), 99n, 'Connector shop'), {
    code: 'SLOT_AHEAD',
    message: /0\/64.*0\/63/,
  })
  assert.throws(() => assertHolds(slot({}), 201n, 'Connector shop'), {
    code: 'REPLAY_MISMATCH',
    message: /0\/C8.*0\/C9/,
  })
  assertHolds(slot({ logEndLsn: null }), 201n, 'Connector shop')
  assert.throws(() => assertHolds(null, 99n, 'Connector shop'), { code: 'SLOT_MISSING' })
})

it('A slot that was invalidated is lost, whatever the cause, and the message says what to change', () => {
  for (const [cause, advice] of [
    ['wal_removed', /max_slot_wal_keep_size/],
    ['rows_removed', /hot_standby_feedback/],
    ['wal_level_insufficient', /wal_level/],
    ['idle_timeout', /idle_replication_slot_timeout/],
    ['conflict', /hot_standby_feedback/],
    ['a cause of later versions', /a cause of later versions/],
  ] as const) {
    const lost = slot({ lostBecause: cause, confirmedLsn: null })
    assert.throws(() => assertUsable(lost, 'shop', 'Connector shop'), { code: 'SLOT_LOST', message: advice })
  }
})

it('A slot of another kind, database or life is not ours', () => {
  assert.equal(slotFault(slot({}), 'shop'), null)
  for (const [parts, message] of [
    [{ type: 'physical', plugin: null, database: null }, /physical/],
    [{ plugin: 'test_decoding' }, /test_decoding/],
    [{ database: 'other' }, /database other/],
    [{ isTemporary: true, readerPid: 7 }, /temporary.*process 7/],
    [{ isSynced: true }, /promoted/],
    [{ isTwoPhase: true }, /prepared/],
  ] as const) {
    const expected = { code: 'SLOT_UNSUITABLE', message } as const
    assert.throws(() => assertUsable(slot(parts), 'shop', 'Connector shop'), expected)
  }
})

/** An error as the server sends it. */
const serverError = (code: string, message: string) =>
  Object.assign(new Error(message), { code, severity: 'ERROR' })
const failure = (thrown: unknown, phase: Parameters<typeof sourceFailure>[1]['phase']) =>
  sourceFailure(thrown, { phase, where: 'Connector shop' })

it('What the server and the socket say is told apart by when it comes', () => {
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  assert.equal(failure(refused, 'asking').code, 'SOURCE_UNREACHABLE')
  assert.equal(failure(refused, 'streaming').code, 'SOURCE_CONNECTION_LOST')
  const both = failure(new AggregateError([refused, new Error('connect ETIMEDOUT')]), 'connecting')
  assert.equal(both.message, 'Connector shop: connect ECONNREFUSED, connect ETIMEDOUT')
  assert.equal(failure(serverError('25P04', 'transaction timeout'), 'streaming').reaction, 'retry')
  assert.equal(failure(serverError('57P01', 'terminating'), 'streaming').code, 'SOURCE_CONNECTION_LOST')
  assert.equal(failure(serverError('53300', 'too many'), 'asking').code, 'SOURCE_UNREACHABLE')
  assert.equal(failure(serverError('28P01', 'password'), 'asking').code, 'SOURCE_ACCESS_DENIED')
  assert.equal(failure(serverError('42704', 'slot'), 'starting').code, 'SLOT_MISSING')
  assert.equal(failure(serverError('42704', 'publication'), 'streaming').code, 'CHECK_FAILED')
  assert.equal(failure(serverError('57014', 'canceling'), 'streaming').code, 'SOURCE_CONNECTION_LOST')
  assert.equal(failure(serverError('40001', 'conflict with recovery'), 'asking').code, 'SOURCE_UNREACHABLE')
  assert.equal(failure(serverError('22021', 'byte sequence'), 'streaming').code, 'VALUE_INVALID')
  const pooler = serverError('08P01', 'unsupported startup parameter: options')
  assert.equal(failure(pooler, 'asking').code, 'SOURCE_POOLED')
  assert.equal(failure(serverError('08P01', 'protocol'), 'streaming').code, 'SOURCE_CONNECTION_LOST')
  assert.equal(failure(serverError('XX000', 'odd'), 'streaming').code, 'INTERNAL')
})

it('What the server says is passed on, unless it may quote data', () => {
  assert.equal(
    failure(serverError('42501', 'permission denied'), 'asking').message,
    'Connector shop: permission denied',
  )
  const quoting = failure(serverError('22P02', 'invalid input: "secret"'), 'streaming')
  assert.equal(quoting.message, 'Connector shop: SQLSTATE 22P02')
})
