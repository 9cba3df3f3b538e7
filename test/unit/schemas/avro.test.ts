import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import fc from 'fast-check'
import { envelopeSchemaText, keySchemaText } from '../../../schemas/avro.ts'
import { column, table } from '../../support/events.ts'
import { anyRows } from './arbitraries.ts'

const TOPIC = 'shop-1.public.orders'

test("an envelope schema is legal Avro with Debezium's names", () => {
  const schema = JSON.parse(envelopeSchemaText(table('orders'), TOPIC, 'postgresql'))
  const type = avsc.Type.forSchema(schema) as avsc.types.RecordType
  assert.equal(type.name, 'shop_1.public.orders.Envelope')
  assert.deepEqual(
    type.fields.map(({ name }) => name),
    ['before', 'after', 'source', 'transaction', 'op', 'ts_ms', 'ts_us', 'ts_ns'],
  )
  const source = type.field('source').type as avsc.types.RecordType
  assert.equal(source.name, 'io.debezium.connector.postgresql.Source')
  assert.deepEqual(
    source.fields.map(({ name }) => name),
    [
      'version',
      'connector',
      'name',
      'ts_ms',
      'ts_us',
      'ts_ns',
      'snapshot',
      'db',
      'sequence',
      'schema',
      'table',
      'txId',
      'lsn',
      'xmin',
    ],
  )
})

test('before and after are one type, all of its fields nullable with default null', () => {
  const check = fc.property(anyRows, ({ table }) => {
    const [before, after] = JSON.parse(envelopeSchemaText(table, TOPIC, 'postgresql')).fields
    assert.deepEqual(after, { name: 'after', type: ['null', 'Value'], default: null })
    for (const field of before.type[1].fields) {
      assert.equal(field.default, null)
      assert.equal(field.type[0], 'null')
      assert.equal(field.type.length, 2)
    }
  })
  fc.assert(check, { numRuns: 50 })
})

test('no field has a name beside a logical type that Kafka Connect already names', () => {
  const columns = [column('d', { kind: 'date' }), column('n', { kind: 'decimal', precision: 9, scale: 2 })]
  const text = envelopeSchemaText(table('t', { columns }), TOPIC, 'postgresql')
  const [before] = JSON.parse(text).fields
  for (const field of before.type[1].fields) assert.equal(field.type[1]['connect.name'], undefined)
})

test('a key schema depends on nothing but the topic and the key columns', () => {
  const id = column('id', { kind: 'long' })
  const one = table('orders', { columns: [id, column('a')], key: [0] })
  const other = table('orders', {
    columns: [column('b', { kind: 'json' }), { ...id, nativeType: 'int8' }],
    key: [1],
    database: 'elsewhere',
    deferrableKey: true,
  })
  assert.equal(keySchemaText(one, TOPIC), keySchemaText(other, TOPIC))
  assert.equal(
    keySchemaText(one, TOPIC),
    '{"type":"record","name":"Key","namespace":"shop_1.public.orders","fields":[{"name":"id","type":"long"}]}',
  )
})

test('key columns stand in key order, and a table without a key has no key schema', () => {
  const columns = [column('a'), column('b', { kind: 'date' })]
  const key = JSON.parse(keySchemaText(table('t', { columns, key: [1, 0] }), TOPIC) as string)
  assert.deepEqual(key.fields, [
    { name: 'b', type: { type: 'int', logicalType: 'date' } },
    { name: 'a', type: 'string' },
  ])
  assert.equal(keySchemaText(table('t', { columns, key: [] }), TOPIC), null)
})

test('a decimal that Avro cannot say is refused, naming the column', () => {
  const columns = [column('ratio', { kind: 'decimal', precision: 2, scale: 5 })]
  assert.throws(() => envelopeSchemaText(table('t', { columns }), TOPIC, 'postgresql'), /public\.t.*"ratio"/)
})
