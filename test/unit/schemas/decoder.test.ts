import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ColumnType, OutRecord, Value } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'
import { createDecoder, type DecodedMessage, type KafkaMessage } from '../../../schemas/index.ts'
import { formatDate, formatLocalTimestamp, formatTime, formatTimestamp } from '../../../schemas/temporal.ts'
import { column, commit, event, table } from '../../support/events.ts'
import { anyRows } from './arbitraries.ts'
import { avroEncoder, encode, jsonEncoder, NOW_MS } from './encoding.ts'
import { FakeRegistry } from './fake-registry.ts'

const COMMIT = commit(7, { timeUs: 1_795_600_000_123_456, source: { txId: 7431, xmin: null } })

const messageOf = ({ key, value, headers }: OutRecord): KafkaMessage => ({
  key: key && Buffer.from(key),
  value: value && Buffer.from(value),
  headers: Object.fromEntries(Object.entries(headers ?? {}).map(([name, text]) => [name, Buffer.from(text)])),
})

/** What a consumer is to get for a value. */
function expected(value: Value, type: ColumnType): unknown {
  if (value === null || value instanceof Unfit) return null
  if (value === UNAVAILABLE) {
    const marker = '__debezium_unavailable_value'
    const { kind } = type
    return kind === 'bytes' ? Buffer.from(marker) : kind === 'string' || kind === 'json' ? marker : null
  }
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
      return Math.fround(value as number)
    case 'bytes':
    case 'bits':
    case 'geometry':
      return Buffer.from(value as Uint8Array)
    case 'long':
      return Number.isSafeInteger(Number(value)) ? Number(value) : value
    case 'array':
      return (value as Value[]).map(item => expected(item, type.items))
    case 'vector':
      return (value as number[]).map(Math.fround)
    case 'map':
      return Object.fromEntries(
        [...(value as Map<string, string | null>)].map(([k, v]) => [k, v?.toWellFormed() ?? null]),
      )
    default:
      return typeof value === 'string' ? value.toWellFormed() : value
  }
}

test('what was encoded is decoded, whatever the table and the row', async () => {
  const check = fc.asyncProperty(anyRows, async ({ table, before, after }) => {
    const registry = new FakeRegistry()
    const change = event(table, after ?? [], { before, op: 'u', commit: COMMIT })
    const [record] = await encode(avroEncoder(registry), change)
    const decoder = createDecoder({ registry })
    const {
      event: decoded,
      unavailable,
      unavailableBefore,
      unavailableTexts,
      unavailableBeforeTexts,
    } = await decoder.decode(messageOf(record as OutRecord))
    const image = (row: readonly Value[] | null) =>
      row &&
      Object.fromEntries(table.columns.map((of, index) => [of.name, expected(row[index] as Value, of.type)]))
    assert.deepEqual(decoded?.before, image(before))
    assert.deepEqual(decoded?.after, image(after))
    const missing = (row: readonly Value[] | null) =>
      table.columns
        .filter((_, index) => row?.[index] === UNAVAILABLE || row?.[index] instanceof Unfit)
        .map(({ name }) => name)
    assert.deepEqual(unavailable, missing(after))
    assert.deepEqual(unavailableBefore, missing(before))
    const texts = (row: readonly Value[] | null) =>
      Object.fromEntries(
        table.columns.flatMap(({ name }, index) => {
          const value = row?.[index]
          return value instanceof Unfit ? [[name, value.text]] : []
        }),
      )
    assert.deepEqual(unavailableTexts, texts(after))
    assert.deepEqual(unavailableBeforeTexts, texts(before))
  })
  await fc.assert(check, { numRuns: 120 })
})

const orders = table('orders', {
  columns: [
    column('id', { kind: 'long' }),
    column('total', { kind: 'decimal', precision: 10, scale: 2 }),
    column('paid', { kind: 'timestamp' }),
  ],
})
const ROW = [5, '-12.50', 1_795_600_000_123_456]
const SOURCE = {
  version: '1.2.3',
  connector: 'postgresql',
  name: 'shop',
  ts_ms: 1_795_600_000_123,
  ts_us: 1_795_600_000_123_456,
  ts_ns: '1795600000123456000',
  snapshot: 'false',
  db: 'shop',
  sequence: '0001-0000000000000007-00000003',
  schema: 'public',
  table: 'orders',
  txId: 7431,
  lsn: 99,
  xmin: null,
}

const NOTHING_MISSING = {
  unavailable: [],
  unavailableBefore: [],
  unavailableTexts: {},
  unavailableBeforeTexts: {},
}

const formats = [
  ['avro', (registry: FakeRegistry) => avroEncoder(registry, { transactions: true })],
  ['json', () => jsonEncoder({ transactions: true })],
] as const

for (const [format, encoderFor] of formats) {
  test(`a delete in ${format} is an event with its key, then a tombstone`, async () => {
    const registry = new FakeRegistry()
    const change = { before: ROW, after: null, op: 'd', commit: COMMIT, ordinal: 3, logPosition: 99 } as const
    const records = await encode(encoderFor(registry), event(orders, [], change))
    const decoder = createDecoder({ registry })
    const decoded: DecodedMessage[] = []
    for (const record of records) decoded.push(await decoder.decode(messageOf(record)))
    assert.deepEqual(decoded, [
      {
        kind: 'event',
        key: { id: 5 },
        event: {
          op: 'd',
          before: { id: 5, total: '-12.50', paid: '2026-11-25T09:46:40.123456Z' },
          after: null,
          source: SOURCE,
          transaction: { id: '7', total_order: 4, data_collection_order: 1 },
          ts_ms: NOW_MS,
          ts_us: NOW_MS * 1000,
          ts_ns: `${NOW_MS}000000`,
          coordinate: '0001-0000000000000007-00000003',
        },
        ...NOTHING_MISSING,
      },
      { kind: 'tombstone', key: { id: 5 }, event: null, ...NOTHING_MISSING },
    ])
  })

  test(`a truncate in ${format} has a kind of its own`, async () => {
    const registry = new FakeRegistry()
    const change = event(orders, [], { op: 't', after: null, commit: COMMIT })
    const [record] = await encode(encoderFor(registry), change)
    const decoded = await createDecoder({ registry }).decode(messageOf(record as OutRecord))
    assert.equal(decoded.kind, 'truncate')
    assert.deepEqual([decoded.key, decoded.event?.before, decoded.event?.after], [null, null, null])
  })

  test(`columns with the names of object properties are fields like others in ${format}`, async () => {
    const registry = new FakeRegistry()
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'class']
    const odd = table('odd', { columns: names.map(name => column(name)) })
    const [record] = await encode(encoderFor(registry), event(odd, names))
    const { key, event: decoded } = await createDecoder({ registry }).decode(messageOf(record as OutRecord))
    assert.deepEqual(
      Object.entries(decoded?.after ?? {}),
      names.map(name => [name, name]),
    )
    assert.deepEqual(Object.entries(key ?? {}), [['__proto__', '__proto__']])
    assert.equal(Object.getPrototypeOf(decoded?.after), Object.prototype)
  })
}

test('an event can be printed by JSON.stringify', async () => {
  const registry = new FakeRegistry()
  const [record] = await encode(avroEncoder(registry), event(orders, ROW, { commit: COMMIT }))
  const { event: decoded } = await createDecoder({ registry }).decode(messageOf(record as OutRecord))
  assert.match(JSON.stringify(decoded), /"ts_ns":"1795600000123456000"/)
})

test('a schema is asked for once, also by messages decoded at the same time', async () => {
  const registry = new FakeRegistry()
  const [record] = await encode(avroEncoder(registry), event(orders, ROW))
  registry.requests.length = 0
  const decoder = createDecoder({ registry })
  const message = { ...messageOf(record as OutRecord), key: null }
  await Promise.all([decoder.decode(message), decoder.decode(message)])
  await decoder.decode(message)
  assert.equal(registry.requests.length, 1)
})

const value = async (): Promise<{ registry: FakeRegistry; bytes: Buffer }> => {
  const registry = new FakeRegistry()
  const [record] = await encode(avroEncoder(registry), event(orders, ROW))
  return { registry, bytes: Buffer.from(record?.value as Uint8Array) }
}

const unreadable = (message: RegExp) => ({ code: 'RECORD_UNREADABLE', message })

test('an unknown schema id is an error that names it', async () => {
  const { registry, bytes } = await value()
  bytes.writeUInt32BE(4711, 1)
  await assert.rejects(createDecoder({ registry }).decode({ key: null, value: bytes }), unreadable(/4711/))
})

test('bytes cut short anywhere, or with more behind them, are an error', async () => {
  const { registry, bytes } = await value()
  const decoder = createDecoder({ registry })
  for (let length = 0; length < bytes.length; length++) {
    const cut = { key: null, value: bytes.subarray(0, length) }
    await assert.rejects(decoder.decode(cut), { code: 'RECORD_UNREADABLE' }, `${length} bytes`)
  }
  const longer = { key: null, value: Buffer.concat([bytes, Buffer.from([0])]) }
  await assert.rejects(decoder.decode(longer), { code: 'RECORD_UNREADABLE' })
})

const foreign: [what: string, bytes: Buffer][] = [
  ['text', Buffer.from('hello world')],
  ['broken JSON', Buffer.from('{"secret": 1')],
  ['JSON that is no event', Buffer.from('{"secret": 1}')],
  ['a JSON event without a source', Buffer.from('{"op":"c","source":null}')],
]

for (const [what, bytes] of foreign) {
  test(`${what} is an error that does not show it`, async () => {
    await assert.rejects(createDecoder().decode({ key: null, value: bytes }), error => {
      assert.doesNotMatch(`${(error as Error).stack} ${(error as Error).cause}`, /secret|hello/)
      return (error as { code?: string }).code === 'RECORD_UNREADABLE'
    })
  })
}

test('a header of texts that is no JSON is an error that does not show it', async () => {
  const { registry, bytes } = await value()
  const headers = { 'unavailable.text': 'secret' }
  await assert.rejects(createDecoder({ registry }).decode({ key: null, value: bytes, headers }), error => {
    assert.doesNotMatch(`${(error as Error).stack} ${(error as Error).cause}`, /secret/)
    return (error as { code?: string }).code === 'RECORD_UNREADABLE'
  })
})

test('an Avro record of another kind is an error', async () => {
  const registry = new FakeRegistry()
  const id = await registry.register('x', '{"type":"record","name":"X","fields":[{"name":"a","type":"int"}]}')
  const bytes = Buffer.from([0, 0, 0, 0, id, 2])
  await assert.rejects(
    createDecoder({ registry }).decode({ key: null, value: bytes }),
    unreadable(/no change event/),
  )
})

test('a schema that is no record, or no Avro, is an error that names its id', async () => {
  const registry = new FakeRegistry()
  for (const schema of ['"string"', 'syntax = "proto3";']) {
    const id = await registry.register('x', schema)
    const bytes = Buffer.from([0, 0, 0, 0, id, 2])
    await assert.rejects(
      createDecoder({ registry }).decode({ key: null, value: bytes }),
      unreadable(new RegExp(`id ${id}`)),
    )
  }
})

test('an Avro record without a registry is an error that says so', async () => {
  const { bytes } = await value()
  await assert.rejects(createDecoder().decode({ key: null, value: bytes }), { code: 'CONFIG_INVALID' })
})
