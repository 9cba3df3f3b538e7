import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TributaryError } from '../../../core/errors.ts'
import type { Table } from '../../../core/types.ts'
import { envelopeSchemaText, keySchemaText } from '../../../schemas/avro.ts'
import { SchemaRegistrar } from '../../../schemas/registrar.ts'
import { column, table } from '../../support/events.ts'
import { FakeRegistry } from './fake-registry.ts'

const TOPIC = 'shop.public.orders'
const { signal } = new AbortController()

const orders = table('orders')
const withText = table('orders', { columns: [column('id', { kind: 'string' }), column('name')] })

const key = (of: Table) => ({ topic: TOPIC, schema: keySchemaText(of, TOPIC), table: of })
const value = (of: Table) => ({
  topic: TOPIC,
  schema: envelopeSchemaText(of, TOPIC, 'postgresql'),
  table: of,
})

test('a schema that is there already is not registered again, and asked for once', async () => {
  const registry = new FakeRegistry()
  const id = await new SchemaRegistrar(registry).registerValue(value(orders), signal)
  registry.requests.length = 0
  const registrar = new SchemaRegistrar(registry)
  assert.equal(await registrar.registerValue(value(orders), signal), id)
  assert.equal(await registrar.registerValue(value({ ...orders }), signal), id)
  assert.deepEqual(registry.requests, [`lookup ${TOPIC}-value`])
})

test('a key never changes, whatever the registry would allow', async () => {
  const registry = new FakeRegistry()
  const registrar = new SchemaRegistrar(registry)
  await registrar.registerKey(key(orders), signal)
  const longer = table('orders', { columns: [column('id', { kind: 'long' }), column('name')] })
  await assert.rejects(registrar.registerKey(key(longer), signal), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /public\.orders.*shop\.public\.orders-key.*key has changed.*\(id int\).*\(id long\)/,
  })
  assert.equal(registry.versions(`${TOPIC}-key`).length, 1)
})

test('a key and a value that another worker registers meanwhile are taken for what they are', async () => {
  for (const moment of ['lookup', 'latest'] as const) {
    const registry = new FakeRegistry()
    const other = new FakeRegistry()
    const ask = registry[moment].bind(registry) as (...words: string[]) => Promise<never>
    let isFirst = true
    const racing = Object.assign(other, {
      lookup: registry.lookup.bind(registry),
      latest: registry.latest.bind(registry),
      register: registry.register.bind(registry),
      [moment]: async (...words: string[]) => {
        const answer = await ask(...words)
        if (isFirst) {
          isFirst = false
          const registrar = new SchemaRegistrar(registry)
          await registrar.registerKey(key(orders), signal)
          await registrar.registerValue(value(orders), signal)
        }
        return answer
      },
    })
    const id = await new SchemaRegistrar(racing).registerKey(key(orders), signal)
    assert.equal(id, await registry.lookup(`${TOPIC}-key`, keySchemaText(orders, TOPIC) ?? ''))
  }
})

test('a table that has lost its key is refused: a compacted topic takes no record without one', async () => {
  const registry = new FakeRegistry()
  const registrar = new SchemaRegistrar(registry)
  await registrar.registerKey(key(orders), signal)
  await registrar.registerValue(value(orders), signal)
  const keyless = { ...orders, key: [] }
  await assert.rejects(registrar.registerKey(key(keyless), signal), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /public\.orders.*no key any more/,
  })
})

test('a table that has come by a key is refused: rows without one are in its topic', async () => {
  const registry = new FakeRegistry()
  const registrar = new SchemaRegistrar(registry)
  const keyless = { ...orders, key: [] }
  assert.equal(await registrar.registerKey(key(keyless), signal), null)
  await registrar.registerValue(value(keyless), signal)
  await assert.rejects(registrar.registerKey(key(orders), signal), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /public\.orders.*had no key/,
  })
})

test('a shape that readers could not follow is refused, whatever the registry would allow', async () => {
  const registry = new FakeRegistry()
  const registrar = new SchemaRegistrar(registry)
  await registrar.registerValue(value(orders), signal)
  await assert.rejects(registrar.registerValue(value(withText), signal), {
    code: 'SCHEMA_INCOMPATIBLE',
    message:
      /public\.orders.*-value.*id was int and is now string.*\(id int, name string\).*\(id string, name string\)/,
  })
  assert.equal(registry.versions(`${TOPIC}-value`).length, 1)
})

test('the refusal of a registry is told with both shapes and its reason', async () => {
  const registry = new FakeRegistry()
  await new SchemaRegistrar(registry).registerValue(value(orders), signal)
  registry.register = async () => {
    throw new TributaryError('SCHEMA_INCOMPATIBLE', 'FULL_TRANSITIVE forbids it')
  }
  const wider = table('orders', { columns: [...orders.columns, column('note')] })
  await assert.rejects(new SchemaRegistrar(registry).registerValue(value(wider), signal), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /FULL_TRANSITIVE forbids it.*\(id int, name string\).*\(id int, name string, note string\)/,
  })
})

test('other errors of a registry pass through as they are', async () => {
  const registry = new FakeRegistry()
  const refusal = new TributaryError('REGISTRY_REFUSED', 'read-only')
  registry.register = () => Promise.reject(refusal)
  await assert.rejects(new SchemaRegistrar(registry).registerKey(key(orders), signal), refusal)
})
