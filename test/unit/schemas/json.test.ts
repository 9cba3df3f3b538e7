import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ColumnType, PlainKind, Row, Value } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'
import { formatDate, formatLocalTimestamp, formatTime, formatTimestamp } from '../../../schemas/temporal.ts'
import { column, commit, event, table } from '../../support/events.ts'
import { anyRows } from './arbitraries.ts'
import { encode, jsonEncoder } from './encoding.ts'

const parse = (bytes: Uint8Array | null | undefined) =>
  JSON.parse(Buffer.from(bytes as Uint8Array).toString())

async function textOf(type: ColumnType, value: Value): Promise<string> {
  const one = table('t', { columns: [column('x', type)], key: [] })
  const [record] = await encode(jsonEncoder(), event(one, [value]))
  const text = Buffer.from(record?.value as Uint8Array).toString()
  return text.slice(text.indexOf('"after":{"x":') + 13, text.indexOf('},"source"'))
}

const values: [kind: PlainKind, value: Value, text: string][] = [
  ['boolean', true, 'true'],
  ['int', -5, '-5'],
  ['long', Number.MAX_SAFE_INTEGER, '9007199254740991'],
  ['long', 2n ** 53n, '"9007199254740992"'],
  ['long', -(2n ** 63n), '"-9223372036854775808"'],
  ['long', 7n, '7'],
  ['double', 1e300, '1e+300'],
  ['double', -0, '-0'],
  ['double', Number.NaN, '"NaN"'],
  ['double', Number.POSITIVE_INFINITY, '"Infinity"'],
  ['float', Number.NEGATIVE_INFINITY, '"-Infinity"'],
  ['string', 'a"b\\c\n\u0000€😀', '"a\\"b\\\\c\\n\\u0000€😀"'],
  ['string', '\ud83d', '"\\ud83d"'],
  ['json', '{"a": 1.0}', '"{\\"a\\": 1.0}"'],
  ['uuid', '0b8a62e4-31f2-4a1c-9d0c-000000000001', '"0b8a62e4-31f2-4a1c-9d0c-000000000001"'],
  ['bytes', new Uint8Array([0, 255, 16]), '"AP8Q"'],
  ['bytes', new Uint8Array([1, 2, 3, 4]).subarray(1, 3), '"AgM="'],
  ['date', 20_778, '"2026-11-21"'],
  ['time', 36_000_123_456, '"10:00:00.123456"'],
  ['timestamp', 1_795_255_200_123_456, '"2026-11-21T10:00:00.123456Z"'],
  ['localTimestamp', 1_795_255_200_123_456, '"2026-11-21T10:00:00.123456"'],
  ['timestamp', 2n ** 63n - 1n, '"infinity"'],
  ['date', -(2 ** 31), '"-infinity"'],
  ['string', null, 'null'],
  ['string', UNAVAILABLE, '"__debezium_unavailable_value"'],
  ['uuid', UNAVAILABLE, 'null'],
]

for (const [kind, value, text] of values) {
  test(`a ${kind} is written as ${text}`, async () => assert.equal(await textOf({ kind }, value), text))
}

test('a decimal is written as its exact text', async () => {
  assert.equal(await textOf({ kind: 'decimal', precision: 30, scale: 2 }, '-0.10'), '"-0.10"')
})

/** What JSON.parse gives back. */
function expected(value: Value, type: ColumnType): unknown {
  if (value === null || value instanceof Unfit) return null
  if (value === UNAVAILABLE)
    return ['string', 'json', 'bytes'].includes(type.kind) ? '__debezium_unavailable_value' : null
  switch (type.kind) {
    case 'date':
      return formatDate(value as number)
    case 'time':
      return formatTime(value as number)
    case 'timestamp':
      return formatTimestamp(value as number)
    case 'localTimestamp':
      return formatLocalTimestamp(value as number)
    case 'float':
    case 'double':
      return Number.isFinite(value) ? value : String(value)
    case 'bytes':
    case 'bits':
    case 'geometry':
      return Buffer.from(value as Uint8Array).toString('base64')
    case 'long':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    case 'array':
      return (value as Value[]).map(item => expected(item, type.items))
    case 'vector':
      return (value as number[]).map(item => expected(item, { kind: 'float' }))
    case 'map':
      return Object.fromEntries(value as Map<string, string | null>)
    default:
      return value
  }
}

test('any row comes back from JSON.parse, keys as well', async () => {
  const check = fc.asyncProperty(anyRows, async ({ table, before, after }) => {
    const [record] = await encode(jsonEncoder(), event(table, after ?? [], { before, op: 'u' }))
    const image = (row: readonly Value[] | null) =>
      row &&
      Object.fromEntries(table.columns.map((of, index) => [of.name, expected(row[index] as Value, of.type)]))
    const value = parse(record?.value)
    assert.deepEqual(value.before, image(before))
    assert.deepEqual(value.after, image(after))
    assert.deepEqual(parse(record?.key), { c0: image(after)?.c0 })
  })
  await fc.assert(check, { numRuns: 120 })
})

test('the envelope has the fields of the Avro one', async () => {
  const change = event(table('orders'), [1, 'a'], {
    commit: commit(7, { source: { txId: 12 } }),
    logPosition: 2n ** 60n,
    op: 'r',
  })
  const [record] = await encode(jsonEncoder({ transactions: true }), change)
  const value = parse(record?.value)
  assert.deepEqual(Object.keys(value), [
    'before',
    'after',
    'source',
    'transaction',
    'op',
    'ts_ms',
    'ts_us',
    'ts_ns',
  ])
  assert.deepEqual(value.source, {
    version: '1.2.3',
    connector: 'postgresql',
    name: 'shop',
    ts_ms: 1_700_000_000_000,
    ts_us: 1_700_000_000_000_007,
    ts_ns: '1700000000000007000',
    snapshot: 'true',
    db: 'shop',
    sequence: '0001-0000000000000007-00000000',
    schema: 'public',
    table: 'orders',
    txId: 12,
    lsn: '1152921504606846976',
    xmin: null,
  })
  assert.deepEqual(value.transaction, { id: '7', total_order: 1, data_collection_order: 1 })
})

test('a value of another type, and a key that is null, are refused without showing them', async () => {
  const odd = table('orders', {
    columns: [column('id', { kind: 'int' }), column('n', { kind: 'decimal', precision: 3, scale: 0 })],
  })
  const rows: Row[] = [
    [1, 'secret'],
    [1, '1000'],
    [null, '1'],
    [UNAVAILABLE, '1'],
    // As null, it would be the key of every such row.
    [new Unfit('secret'), '1'],
  ]
  for (const row of rows) {
    await assert.rejects(encode(jsonEncoder(), event(odd, row)), error => {
      assert.doesNotMatch((error as Error).message, /secret|1000/)
      return (error as { code?: string }).code === 'VALUE_INVALID'
    })
  }
})
