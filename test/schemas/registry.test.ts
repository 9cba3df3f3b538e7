import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createDecoder, RegistryClient } from '../../schemas/index.ts'
import { createEncoder } from '../../schemas/records.ts'
import { checkRegistry } from '../../schemas/registry-check.ts'
import { service } from '../services/index.ts'
import { batch, column, event, table } from '../support/events.ts'

const { url } = await service('registry')
const client = new RegistryClient({ url })
const { signal } = new AbortController()

const unique = () => `test-${randomUUID()}`

const schemaOf = (type: string, ...more: object[]): string =>
  JSON.stringify({
    type: 'record',
    name: 'R',
    fields: [{ name: 'x', type: ['null', type], default: null }, ...more],
  })

async function setCompatibility(subject: string, compatibility: string): Promise<void> {
  const response = await fetch(`${url}/config/${subject}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ compatibility }),
  })
  assert.equal(response.status, 200)
}

test('the same text registered twice has one id, and is found under it', async () => {
  const subject = unique()
  assert.equal(await client.lookup(subject, schemaOf('int')), null)
  assert.equal(await client.latest(subject), null)
  const id = await client.register(subject, schemaOf('int'))
  assert.equal(await client.register(subject, schemaOf('int')), id)
  assert.equal(await client.lookup(subject, schemaOf('int')), id)
  assert.equal(await client.schemaById(id), schemaOf('int'))
  assert.deepEqual(await client.latest(subject).then(latest => [latest?.id, latest?.version]), [id, 1])
  assert.ok((await client.subjects()).includes(subject))
})

test('an incompatible change is refused with its reason, a compatible one gets a new id', async () => {
  const subject = unique()
  const id = await client.register(subject, schemaOf('int'))
  await setCompatibility(subject, 'BACKWARD')
  await assert.rejects(client.register(subject, schemaOf('string')), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /int/i,
  })
  const wider = schemaOf('int', { name: 'y', type: ['null', 'string'], default: null })
  assert.notEqual(await client.register(subject, wider), id)
  assert.equal((await client.latest(subject))?.schema, wider)
})

test('subjects with odd characters are kept apart', async () => {
  const subject = `${unique()}/ä b?c`
  const id = await client.register(subject, schemaOf('long'))
  assert.equal(await client.lookup(subject, schemaOf('long')), id)
  assert.ok((await client.subjects()).includes(subject))
})

test('what is no schema is refused, and an unknown id is null', async () => {
  await assert.rejects(client.register(unique(), '{"type":"nonsense"}'), { code: 'REGISTRY_REFUSED' })
  assert.equal(await client.schemaById(2 ** 30), null)
})

test('check lets this registry pass', async () => {
  assert.deepEqual(
    (await checkRegistry({ url })).map(({ severity }) => severity),
    ['ok'],
  )
})

function encoderFor(prefix: string) {
  return createEncoder({
    format: 'avro',
    connector: 'postgresql',
    name: 'shop',
    version: '1.0.0',
    prefix,
    tombstones: true,
    transactions: false,
    registry: client,
    ensureTopic: async () => 1,
    hashKey: () => 0,
    now: Date.now,
  })
}

const orders = table('orders')

test('rows of several shapes are decoded with the registry alone, each with its own', async () => {
  const encoder = encoderFor(unique())
  const wider = { ...orders, columns: [...orders.columns, column('at', { kind: 'timestamp' as const })] }
  const events = [event(orders, [1, 'a']), event(wider, [1, 'a', 0]), event(orders, [2, 'b'])]
  const changes = batch('1', { events })
  await encoder.prepare(changes, signal)
  const decoder = createDecoder({ registry: url })
  const seen: unknown[] = []
  for (const { key, value } of encoder.encode(changes)) {
    const decoded = await decoder.decode({ key: key as Buffer, value: value as Buffer })
    seen.push([decoded.key, decoded.event?.after])
  }
  assert.deepEqual(seen, [
    [{ id: 1 }, { id: 1, name: 'a' }],
    [{ id: 1 }, { id: 1, name: 'a', at: '1970-01-01T00:00:00.000000Z' }],
    [{ id: 2 }, { id: 2, name: 'b' }],
  ])
})

test('a key keeps its id through a restart, and a changed key stops', async () => {
  const prefix = unique()
  const keyOf = async (id: unknown) => {
    const encoder = encoderFor(prefix)
    const kind = typeof id === 'string' ? ('string' as const) : ('int' as const)
    const of = table('orders', { columns: [column('id', { kind }), column('name')] })
    const changes = batch('1', { events: [event(of, [id as string, 'a'])] })
    await encoder.prepare(changes, signal)
    return Buffer.from(encoder.encode(changes)[0]?.key as Uint8Array).toString('hex')
  }
  assert.equal(await keyOf(1), await keyOf(1))
  await assert.rejects(keyOf('1'), { code: 'SCHEMA_INCOMPATIBLE' })
})
