import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createDecoder } from '../../../schemas/index.ts'
import { avscType } from './avro-reference.ts'
import { goldenFiles } from './golden-events.ts'

const FOLDER = join(import.meta.dirname, '../../../schemas/golden')

const golden = (name: string): string => readFileSync(join(FOLDER, name), 'utf8').trimEnd()

test('schemas, bytes and JSON are those that consumers know', async () => {
  const files = await goldenFiles()
  assert.deepEqual(readdirSync(FOLDER).sort(), Object.keys(files).sort())
  for (const [name, text] of Object.entries(files)) assert.equal(text, golden(name), name)
})

test('any Avro reader decodes the golden bytes', () => {
  const read = (schema: string, record: string) =>
    avscType(JSON.parse(golden(schema))).fromBuffer(Buffer.from(golden(record), 'hex').subarray(5))
  assert.equal(read('key.avsc', 'insert.key.hex').id, 42n)
  const insert = read('value.avsc', 'insert.value.hex')
  assert.deepEqual(
    { ...insert.after },
    {
      id: 42n,
      a_boolean: true,
      a_int: -7,
      a_long: 9223372036854775807n,
      a_float: 1.5,
      a_double: -0.1,
      a_string: 'Grüße, 世界 😀',
      a_bytes: Buffer.from([0, 1, 254, 255]),
      a_uuid: '0b8a62e4-31f2-4a1c-9d0c-000000000001',
      a_json: '{"a": 1.0}',
      a_date: 20_778,
      a_time: 36_000_123_456n,
      a_timestamp: 1_795_255_200_123_456n,
      a_localTimestamp: -1n,
      a_decimal: Buffer.from('ff54ab567314e0f52e', 'hex'),
    },
  )
  assert.equal(insert.before, null)
  assert.deepEqual([insert.op, insert.ts_ms], ['c', 1_795_600_000_200n])
  assert.deepEqual({ ...insert.transaction }, { id: '23803720', total_order: 1n, data_collection_order: 1n })
  assert.deepEqual(
    { ...insert.source },
    {
      version: '1.2.3',
      connector: 'postgresql',
      name: 'shop',
      ts_ms: 1_795_255_200_123n,
      ts_us: 1_795_255_200_123_456n,
      ts_ns: 1_795_255_200_123_456_000n,
      snapshot: 'false',
      db: 'shop',
      sequence: '0001-00000000016b3748-00000000',
      schema: 'public',
      table: 'every_kind',
      txId: 7431n,
      lsn: 23_803_720n,
      xmin: null,
    },
  )
  const update = read('value.avsc', 'update.value.hex')
  assert.equal(update.before.a_string, null)
  assert.equal(update.after.a_string, '__debezium_unavailable_value')
  assert.equal(update.after.a_int, null)
})

test('any Avro reader decodes the golden bytes of composed kinds', () => {
  const type = avscType(JSON.parse(golden('composed.value.avsc')))
  const read = (record: string) => type.fromBuffer(Buffer.from(golden(record), 'hex').subarray(5))
  const { after } = read('composed.insert.value.hex')
  assert.deepEqual(
    { ...after, a_map: { ...after.a_map } },
    {
      id: 7n,
      a_bits: Buffer.from('0abc', 'hex'),
      a_geometry: Buffer.from('0101000000000000000000f03f0000000000000040', 'hex'),
      a_place: Buffer.from('0101000020e6100000000000000000f03f0000000000000040', 'hex'),
      a_map: { a: '1', b: null },
      a_vector: [1, -2.5],
      an_array: [Buffer.from([0, 150]), null],
      nested: [['x', null], [], null],
    },
  )
  const update = read('composed.update.value.hex')
  const unknown = Object.fromEntries(Object.keys(after).map(name => [name, name === 'id' ? 7n : null]))
  assert.deepEqual([{ ...update.before }, { ...update.after }], [unknown, unknown])
  const headers = JSON.parse(golden('composed.update.headers.json'))
  assert.equal(headers['unavailable.before'], 'nested')
  assert.deepEqual(JSON.parse(headers['unavailable.before.text']), { nested: '{{1,"a b"},{NULL,é}}' })
})

test('any Avro reader decodes a message, under the names that readers of such topics know', () => {
  const read = (schema: string, record: string) =>
    avscType(JSON.parse(golden(schema))).fromBuffer(Buffer.from(golden(record), 'hex').subarray(5))
  assert.deepEqual({ ...read('message.key.avsc', 'message.key.hex') }, { prefix: 'outbox é' })
  const { op, ts_ms, source, transaction, message } = read('message.value.avsc', 'message.value.hex')
  assert.deepEqual(
    [op, ts_ms, source.lsn, source.schema, source.table],
    ['m', 1_795_600_000_200n, 2n ** 63n - 1n, '', ''],
  )
  assert.deepEqual([transaction.total_order, transaction.data_collection_order], [3n, 1n])
  assert.deepEqual({ ...message }, { prefix: 'outbox é', content: Buffer.from([0, 1, 254, 255]) })
  const { name, namespace } = JSON.parse(golden('message.value.avsc'))
  assert.equal(`${namespace}.${name}`, 'io.debezium.connector.postgresql.MessageValue')
})

test('our decoder shows the golden message the same from Avro and from JSON', async () => {
  const registry = {
    schemaById: async (id: number) => golden(id === 1 ? 'message.key.avsc' : 'message.value.avsc'),
  }
  const decoder = createDecoder({ registry })
  const [key, value] = ['message.key.hex', 'message.value.hex'].map(name => Buffer.from(golden(name), 'hex'))
  const inAvro = await decoder.decode({ key: key as Buffer, value: value as Buffer })
  assert.equal(inAvro.kind, 'message')
  assert.deepEqual(inAvro.event?.message, { prefix: 'outbox é', content: Buffer.from([0, 1, 254, 255]) })
  const inJson = await decoder.decode({
    key: Buffer.from(golden('message.key.json')),
    value: Buffer.from(golden('message.value.json')),
  })
  const event = {
    ...inAvro.event,
    message: { prefix: 'outbox é', content: 'AAH+/w==' },
    source: { ...inAvro.event?.source, lsn: '9223372036854775807' },
  }
  assert.deepEqual(inJson, { ...inAvro, event })
})

test('our decoder shows the golden row the same from Avro and from JSON', async () => {
  const registry = { schemaById: async (id: number) => golden(id === 1 ? 'key.avsc' : 'value.avsc') }
  const decoder = createDecoder({ registry })
  const fromHex = (name: string) => Buffer.from(golden(name), 'hex')
  const fromAvro = await decoder.decode({
    key: fromHex('insert.key.hex'),
    value: fromHex('insert.value.hex'),
  })
  const fromJson = await decoder.decode({
    key: Buffer.from(golden('insert.key.json')),
    value: Buffer.from(golden('insert.value.json')),
  })
  // Without a schema, bytes and large integers stay text.
  const after = { ...fromAvro.event?.after, a_bytes: 'AAH+/w==', a_long: '9223372036854775807' }
  assert.deepEqual(fromJson, { ...fromAvro, event: { ...fromAvro.event, after } })
})
