import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ChangeEvent, OutRecord } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'
import { column, commit, event, table } from '../../support/events.ts'
import { anyRows } from './arbitraries.ts'
import { avscRow, avscType } from './avro-reference.ts'
import { avroEncoder, encode, NOW_MS } from './encoding.ts'
import { FakeRegistry } from './fake-registry.ts'

const COMMIT = commit(7, {
  timeUs: 1_795_600_000_123_456,
  source: { txId: 7431, xmin: null },
})

function expectedEnvelope({ table, before, after, op, ordinal, logPosition }: ChangeEvent): object {
  return {
    before: before && avscRow(table, before),
    after: after && avscRow(table, after),
    source: {
      version: '1.2.3',
      connector: 'postgresql',
      name: 'shop',
      ts_ms: 1_795_600_000_123n,
      ts_us: 1_795_600_000_123_456n,
      ts_ns: 1_795_600_000_123_456_000n,
      snapshot: op === 'r' ? 'true' : 'false',
      db: table.database,
      sequence: `0001-0000000000000007-${ordinal.toString(16).padStart(8, '0')}`,
      schema: table.schema,
      table: table.name,
      txId: 7431n,
      lsn: BigInt(logPosition),
      xmin: null,
    },
    transaction: null,
    op,
    ts_ms: BigInt(NOW_MS),
    ts_us: BigInt(NOW_MS) * 1000n,
    ts_ns: BigInt(NOW_MS) * 1_000_000n,
  }
}

const body = (record: OutRecord): string =>
  Buffer.from(record.value as Uint8Array)
    .toString('hex')
    .slice(10)

test('values have the bytes that avsc writes, whatever the table, the row and the event', async () => {
  const anyEvents = fc.array(
    fc.record({
      op: fc.constantFrom('c', 'u', 'r'),
      ordinal: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      logPosition: fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 0n, max: 2n ** 63n - 1n })),
    }),
    { minLength: 1, maxLength: 4 },
  )
  const check = fc.asyncProperty(anyRows, anyEvents, async ({ table, before, after }, parts) => {
    const registry = new FakeRegistry()
    const events = parts.map(part =>
      event(table, after ?? [], { before, commit: COMMIT, ...part } as ChangeEvent),
    )
    const records = await encode(avroEncoder(registry), ...events)
    assert.equal(records.length, events.length)
    records.forEach((record, index) => {
      const type = avscType(registry.schemaOf(record.value as Uint8Array))
      const expected = type.toBuffer(expectedEnvelope(events[index] as ChangeEvent))
      assert.equal(body(record), expected.toString('hex'))
    })
  })
  await fc.assert(check, { numRuns: 120 })
})

test('keys have the bytes that avsc writes, in key order', async () => {
  const check = fc.asyncProperty(anyRows, async ({ table, after }) => {
    const registry = new FakeRegistry()
    const keyed = {
      ...table,
      key: after?.flatMap((value, index) => (isKeyable(value) ? [index] : [])).reverse() ?? [],
    }
    const [record] = await encode(avroEncoder(registry), event(keyed, after ?? []))
    const key = Buffer.from(record?.key as Uint8Array)
    const type = avscType(registry.schemaOf(key))
    assert.equal(key.toString('hex', 5), type.toBuffer(avscRow(keyed, after ?? [])).toString('hex'))
  })
  await fc.assert(check, { numRuns: 100 })
})

const isKeyable = (value: unknown): boolean =>
  value !== null && value !== UNAVAILABLE && !(value instanceof Unfit)

test('the template of one table and commit never leaks into the next', async () => {
  const registry = new FakeRegistry()
  const [orders, items] = [table('orders'), table('order_lines', { database: 'other', schema: 'sales' })]
  const later = { ...COMMIT, coordinate: '0002-00000000000000ff', timeUs: 1, source: { txId: null, xmin: 9 } }
  const events = [
    event(orders, [1, 'a'], { commit: COMMIT, ordinal: 0 }),
    event(items, [1, 'b'], { commit: COMMIT, ordinal: 1 }),
    event(orders, [2, 'c'], { commit: COMMIT, ordinal: 2 }),
    event(orders, [2, 'd'], { commit: later, ordinal: 0, op: 'r' }),
    event(orders, [3, 'e'], { commit: later, ordinal: 1 }),
  ]
  const records = await encode(avroEncoder(registry), ...events)
  const seen = records.map(({ value }) => {
    const { source } = avscType(registry.schemaOf(value as Uint8Array)).fromBuffer(
      Buffer.from(value as Uint8Array).subarray(5),
    )
    const { db, schema, table, sequence, snapshot, txId, xmin, ts_us } = source
    return [db, schema, table, sequence, snapshot, txId, xmin, ts_us]
  })
  const us = BigInt(COMMIT.timeUs)
  assert.deepEqual(seen, [
    ['shop', 'public', 'orders', '0001-0000000000000007-00000000', 'false', 7431n, null, us],
    ['other', 'sales', 'order_lines', '0001-0000000000000007-00000001', 'false', 7431n, null, us],
    ['shop', 'public', 'orders', '0001-0000000000000007-00000002', 'false', 7431n, null, us],
    ['shop', 'public', 'orders', '0002-00000000000000ff-00000000', 'true', null, 9n, 1n],
    ['shop', 'public', 'orders', '0002-00000000000000ff-00000001', 'false', null, 9n, 1n],
  ])
})

test('records larger than a chunk, and many that fill several, come out whole', async () => {
  const registry = new FakeRegistry()
  const orders = table('orders')
  const texts = [
    'x'.repeat(3_000_000),
    'short',
    '€'.repeat(700_000),
    ...Array.from({ length: 200 }, () => 'y'.repeat(20_000)),
  ]
  const records = await encode(
    avroEncoder(registry),
    ...texts.map((text, index) => event(orders, [index, text], { commit: COMMIT, ordinal: index })),
  )
  const type = avscType(registry.schemaOf(records[0]?.value as Uint8Array))
  const read = records.map(
    ({ value }) => type.fromBuffer(Buffer.from(value as Uint8Array).subarray(5)).after.name,
  )
  assert.ok(read.every((text, index) => text === texts[index]))
})

test('a transaction block has the orders, counted from 1', async () => {
  const registry = new FakeRegistry()
  const change = event(table('orders'), [1, 'a'], { commit: COMMIT, ordinal: 4, tableOrdinal: 2 })
  const [record] = await encode(avroEncoder(registry, { transactions: true }), change)
  const value = Buffer.from(record?.value as Uint8Array)
  const { transaction } = avscType(registry.schemaOf(value)).fromBuffer(value.subarray(5))
  assert.deepEqual({ ...transaction }, { id: '7', total_order: 5n, data_collection_order: 3n })
})

const wrong: readonly [type: Parameters<typeof column>[1], value: never][] = [
  [{ kind: 'int' }, 1.5 as never],
  [{ kind: 'int' }, (2 ** 31) as never],
  [{ kind: 'int' }, '1' as never],
  [{ kind: 'long' }, (2 ** 53) as never],
  [{ kind: 'long' }, (2n ** 63n) as never],
  [{ kind: 'boolean' }, 1 as never],
  [{ kind: 'string' }, 5 as never],
  [{ kind: 'bytes' }, 'secret' as never],
  [{ kind: 'double' }, '1' as never],
  [{ kind: 'decimal', precision: 4, scale: 2 }, '100.00' as never],
  [{ kind: 'string' }, undefined as never],
]

for (const [type, value] of wrong) {
  test(`a ${typeof value} that is no ${type?.kind} is refused, naming the column and not the value`, async () => {
    const odd = table('orders', { columns: [column('id', { kind: 'int' }), column('amount', type)] })
    await assert.rejects(encode(avroEncoder(), event(odd, [1, value])), error => {
      assert.ok(error instanceof Error)
      assert.match(error.message, /public\.orders.*"amount"/)
      assert.doesNotMatch(error.message, /secret|100\.00/)
      return 'code' in error && error.code === 'VALUE_INVALID'
    })
  })
}

for (const missing of [null, UNAVAILABLE] as const) {
  test(`a key column that is ${String(missing)} is refused, naming table and column`, async () => {
    await assert.rejects(encode(avroEncoder(), event(table('orders'), [missing, 'a'])), {
      code: 'VALUE_INVALID',
      message: /public\.orders.*"id".*part of the key/,
    })
  })
}
