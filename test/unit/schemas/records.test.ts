import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OutRecord, Row } from '../../../core/types.ts'
import { UNAVAILABLE } from '../../../core/types.ts'
import { batch, column, commit, event, table } from '../../support/events.ts'
import { avroEncoder, encode, jsonEncoder } from './encoding.ts'
import { FakeRegistry } from './fake-registry.ts'

const orders = table('orders')
const { signal } = new AbortController()

test('a row goes to the partition of its key, with the commit time', async () => {
  const change = event(orders, [1, 'a'], { commit: commit(1, { timeUs: 1_700_000_000_123_999 }) })
  const [record] = await encode(jsonEncoder({ hashKey: () => 4 * 5 + 3 }), change)
  assert.equal(record?.topic, 'shop.public.orders')
  assert.equal(record.partition, 3)
  assert.equal(record.timestampMs, 1_700_000_000_123)
  assert.equal(record.headers, undefined)
})

test('a delete has the key of its row before, and a tombstone behind it', async () => {
  const change = event(orders, [], { op: 'd', before: [7, 'a'], after: null })
  const [first, second, ...more] = await encode(jsonEncoder(), change)
  assert.equal(String(first?.key), '{"id":7}')
  assert.deepEqual(contentOf(second), { ...contentOf(first), value: null })
  assert.deepEqual(more, [])
  assert.equal((await encode(jsonEncoder({ tombstones: false }), change)).length, 1)
})

test('a table without a key goes to partition 0, without key and tombstone', async () => {
  const keyless = table('log', { key: [] })
  const records = await encode(avroEncoder(), event(keyless, [], { op: 'd', before: [7, 'a'], after: null }))
  assert.deepEqual(
    records.map(({ key, partition, value }) => [key, partition, value === null]),
    [[null, 0, false]],
  )
})

test('a truncate reaches every partition of its topic, with a key that is null to every reader of Avro', async () => {
  const registry = new FakeRegistry()
  const records = await encode(avroEncoder(registry), event(orders, [], { op: 't', after: null }))
  assert.deepEqual(
    records.map(({ key, partition }) => [key?.length, registry.schemaOf(key as Uint8Array), partition]),
    [0, 1, 2, 3].map(partition => [5, 'null', partition]),
  )
  assert.equal(registry.versions('shop.truncate-key').length, 1)
})

test('a truncate of a table without a key has none either', async () => {
  const truncate = event(table('log', { key: [] }), [], { op: 't', after: null })
  const records = await encode(avroEncoder(), truncate)
  assert.deepEqual(new Set(records.map(({ key }) => key)), new Set([null]))
})

const wide = table('wide', {
  columns: [
    column('id', { kind: 'int' }),
    column('a b'),
    column('n', { kind: 'int' }),
    column('doc', { kind: 'json' }),
  ],
})

const missing = [
  ['after', { after: [1, UNAVAILABLE, 2, UNAVAILABLE], before: null }, { unavailable: 'a_b,doc' }],
  [
    'before of an update',
    { after: [1, 'x', 2, 'y'], before: [1, 'x', UNAVAILABLE, 'y'] },
    { 'unavailable.before': 'n' },
  ],
  [
    'both',
    { after: [1, 'x', UNAVAILABLE, 'y'], before: [1, UNAVAILABLE, 2, 'y'] },
    { unavailable: 'n', 'unavailable.before': 'a_b' },
  ],
  [
    'before of a delete',
    { op: 'd', after: null, before: [1, UNAVAILABLE, UNAVAILABLE, null] },
    { unavailable: 'a_b,n' },
  ],
] as const

for (const [where, change, headers] of missing) {
  test(`fields the server did not send in ${where} are named in a header`, async () => {
    for (const encoder of [avroEncoder(), jsonEncoder()]) {
      const [record] = await encode(encoder, event(wide, [], change))
      assert.deepEqual(record?.headers, headers)
    }
  })
}

test('the header of one row says nothing about the next', async () => {
  const rows: Row[] = [
    [1, UNAVAILABLE, 2, 'x'],
    [2, 'x', 2, 'x'],
    [3, UNAVAILABLE, 2, 'x'],
    [4, 'x', UNAVAILABLE, 'x'],
  ]
  const records = await encode(avroEncoder(), ...rows.map(row => event(wide, row)))
  assert.deepEqual(
    records.map(({ headers }) => headers?.unavailable),
    ['a_b', undefined, 'a_b', 'n'],
  )
})

test('prepare returns no promise once all tables of a batch are known', async () => {
  const encoder = avroEncoder()
  const [known, unknown] = [event(orders, [1, 'a']), event(table('other'), [1, 'a'])]
  assert.ok(encoder.prepare(batch('1', { events: [known] }), signal) instanceof Promise)
  await encoder.prepare(batch('1', { events: [known] }), signal)
  assert.equal(encoder.prepare(batch('1', { events: [known, known] }), signal), undefined)
  assert.equal(encoder.prepare(batch('1'), signal), undefined)
  await encoder.prepare(batch('1', { events: [known, unknown] }), signal)
  assert.equal(encoder.prepare(batch('1', { events: [unknown, known] }), signal), undefined)
})

test('a topic is asked for once, whatever the shapes of its table', async () => {
  const asked: string[] = []
  const ensureTopic = async (topic: string) => asked.push(topic)
  const encoder = jsonEncoder({ ensureTopic })
  const wider = { ...orders, columns: [...orders.columns, column('note')] }
  await encode(encoder, event(orders, [1, 'a']), event(wider, [1, 'a', 'b']), event(wide, [1, 'a', 2, 'b']))
  assert.deepEqual(asked, ['shop.public.orders', 'shop.public.wide'])
})

test('rows of each shape carry the schema of that shape, also when an old one comes again', async () => {
  const registry = new FakeRegistry()
  const wider = { ...orders, columns: [...orders.columns, column('note')] }
  const encoder = avroEncoder(registry)
  const events = [event(orders, [1, 'a']), event(wider, [1, 'a', 'b']), event({ ...orders }, [2, 'c'])]
  const records = await encode(encoder, ...events)
  const [first, second, third] = records.map(({ value }) => Buffer.from(value as Uint8Array).readUInt32BE(1))
  assert.notEqual(first, second)
  assert.equal(first, third)
  assert.equal(registry.versions('shop.public.orders-value').length, 2)
  assert.equal(registry.versions('shop.public.orders-key').length, 1)
})

test('two tables that end on one topic are refused when the second appears', async () => {
  const encoder = jsonEncoder()
  await encode(encoder, event(table('a b'), [1, 'a']))
  await assert.rejects(encode(encoder, event(table('a/b'), [1, 'a'])), { code: 'NAME_COLLISION' })
})

test('records stay as they are while later ones are written', async () => {
  const encoder = avroEncoder()
  const first = await encode(encoder, event(orders, [1, 'first']))
  const copy = first.map(contentOf)
  await encode(encoder, ...Array.from({ length: 5000 }, (_, id) => event(orders, [id, 'x'.repeat(500)])))
  assert.deepEqual(first.map(contentOf), copy)
})

const messages = table('', { schema: '', columns: [column('prefix'), column('content', { kind: 'bytes' })] })

test('messages go by their prefix to a topic of their own, which is made to keep all of them', async () => {
  const made: [string, number][] = []
  const ensureTopic = async (topic: string, { key }: { readonly key: readonly number[] }) => {
    made.push([topic, key.length])
    return 4
  }
  const message = event(messages, ['note', Buffer.from('a')], { op: 'm', commit: commit(1, { id: '' }) })
  const changes = { ensureTopic, hashKey: () => 7 }
  for (const encoder of [avroEncoder(new FakeRegistry(), changes), jsonEncoder(changes)]) {
    const [record, ...more] = await encode(encoder, message)
    assert.deepEqual([record?.topic, record?.partition, more.length], ['shop.message', 3, 0])
  }
  assert.deepEqual(made, [
    ['shop.message', 0],
    ['shop.message', 0],
  ])
})

test('a message in no transaction has no transaction block', async () => {
  const message = event(messages, ['note', Buffer.from('a')], { op: 'm', commit: commit(1, { id: '' }) })
  const [record] = await encode(jsonEncoder({ transactions: true }), message)
  assert.equal(JSON.parse(String(record?.value)).transaction, null)
})

/** What a sink sees of a record, apart from the memory that it shares. */
function contentOf(record: OutRecord | undefined) {
  const { topic, partition, timestampMs, key, value } = record as OutRecord
  return { topic, partition, timestampMs, key: key?.toString(), value: value && Buffer.from(value) }
}
