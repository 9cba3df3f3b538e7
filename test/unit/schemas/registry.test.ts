import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { TributaryError } from '../../../core/errors.ts'
import { RegistryClient } from '../../../schemas/registry.ts'
import { checkRegistry } from '../../../schemas/registry-check.ts'
import { serve } from './fake-registry-server.ts'

const ok = (body: object) => ({ status: 200, body })
const SCHEMA = '{"type":"string"}'

/** Time that passes only by sleeping, and then at once. */
function quickClock(): Clock & { slept: number[] } {
  let now = 0
  const slept: number[] = []
  return {
    slept,
    now: () => now,
    monotonic: () => now,
    sleep: async ms => {
      slept.push(ms)
      now += ms
    },
  }
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

test('requests follow the Confluent API, with subjects encoded', async () => {
  await using server = await serve(
    ok({ id: 5 }),
    ok({ id: 5 }),
    ok({ id: 5, version: 2, schema: SCHEMA }),
    ok({ schema: SCHEMA }),
    ok(['a']),
  )
  const client = new RegistryClient({ url: `${server.url}/apis/ccompat/v7/` })
  assert.equal(await client.register('a/b c-value', SCHEMA), 5)
  assert.equal(await client.lookup('t-key', SCHEMA), 5)
  assert.deepEqual(await client.latest('t-key'), { id: 5, version: 2, schema: SCHEMA })
  assert.equal(await client.schemaById(5), SCHEMA)
  assert.deepEqual(await client.subjects(), ['a'])
  assert.deepEqual(
    server.seen.map(({ method, path, body }) => [method, path, body]),
    [
      ['POST', '/apis/ccompat/v7/subjects/a%2Fb%20c-value/versions', { schema: SCHEMA }],
      ['POST', '/apis/ccompat/v7/subjects/t-key', { schema: SCHEMA }],
      ['GET', '/apis/ccompat/v7/subjects/t-key/versions/latest', null],
      ['GET', '/apis/ccompat/v7/schemas/ids/5', null],
      ['GET', '/apis/ccompat/v7/subjects', null],
    ],
  )
})

test('what the registry does not know is null', async () => {
  await using server = await serve({ status: 404, body: { error_code: 40401, message: 'no' } })
  const client = new RegistryClient({ url: server.url })
  assert.equal(await client.lookup('t', SCHEMA), null)
  assert.equal(await client.latest('t'), null)
  assert.equal(await client.schemaById(1), null)
})

test('user and password, from the URL or apart, and tokens are sent', async () => {
  await using server = await serve(ok([]))
  const withUser = server.url.replace('http://', 'http://us%40er:pa%3Ass@')
  await new RegistryClient({ url: withUser }).subjects()
  await new RegistryClient({ url: server.url, auth: { username: 'us@er', password: 'pa:ss' } }).subjects()
  await new RegistryClient({ url: server.url, auth: { token: 'T' } }).subjects()
  const basic = `Basic ${Buffer.from('us@er:pa:ss').toString('base64')}`
  assert.deepEqual(
    server.seen.map(({ authorization }) => authorization),
    [basic, basic, 'Bearer T'],
  )
})

test('a registry that is away is waited for, and told of once', async () => {
  await using server = await serve(
    { status: 503, body: '<html>' },
    { status: 429, body: '' },
    { status: 500, body: {} },
    ok({ id: 1 }),
    { status: 502, body: '' },
    ok({ id: 2 }),
  )
  const told: string[] = []
  const clock = quickClock()
  const client = new RegistryClient({
    url: server.url,
    clock,
    onWaiting: error => told.push(`${error.code} ${error.message}`),
    onBack: () => told.push('back'),
  })
  assert.equal(await client.register('t', SCHEMA), 1)
  const away = (status: number) =>
    `REGISTRY_UNREACHABLE The schema registry at ${server.url} cannot be reached: it answers ${status}.`
  assert.deepEqual(told, [away(503), 'back'])
  assert.ok((clock.slept[2] as number) > (clock.slept[0] as number))
  assert.equal(await client.register('t', SCHEMA), 2)
  assert.deepEqual(told, [away(503), 'back', away(502), 'back'])
})

test('a registry that does not listen is waited for until the signal aborts', async () => {
  const stop = new AbortController()
  const client = new RegistryClient({
    url: `http://127.0.0.1:${await closedPort()}`,
    onWaiting: () => stop.abort(new Error('stopped')),
  })
  await assert.rejects(client.register('t', SCHEMA, stop.signal), { message: 'stopped' })
})

test('a request under way ends when the signal aborts', async () => {
  await using server = await serve(null)
  const stop = new AbortController()
  const client = new RegistryClient({ url: server.url, clock: systemClock })
  const pending = client.subjects(stop.signal)
  stop.abort(new Error('stopped'))
  await assert.rejects(pending, { message: 'stopped' })
})

test('a registry that does not answer in its time counts as away, and is given up when told so', async () => {
  await using server = await serve(null)
  const client = new RegistryClient({ url: server.url, timeoutMs: 20, giveUpAfterMs: 0 })
  await assert.rejects(client.subjects(), { code: 'REGISTRY_UNREACHABLE', message: /no answer in 20 ms/ })
})

test('an incompatible schema is refused with the reason of the registry', async () => {
  await using server = await serve({
    status: 409,
    body: { error_code: 409, message: 'reader union lacks INT' },
  })
  await assert.rejects(new RegistryClient({ url: server.url }).register('t-value', SCHEMA), {
    code: 'SCHEMA_INCOMPATIBLE',
    message: /t-value.*reader union lacks INT/,
  })
})

for (const status of [400, 401, 403, 404, 422]) {
  test(`a registration answered ${status} is refused at once, without showing what we sent`, async () => {
    await using server = await serve({ status, body: { message: 'why' } })
    const client = new RegistryClient({ url: server.url, auth: { username: 'u', password: 'secret' } })
    await assert.rejects(client.register('t', SCHEMA), error => {
      assert.match((error as Error).message, new RegExp(`/subjects/t/versions.*${status}`))
      assert.doesNotMatch((error as Error).message, /secret|string/)
      return (error as { code?: string }).code === 'REGISTRY_REFUSED'
    })
    assert.equal(server.seen.length, 1)
  })
}

for (const body of ['<html>welcome</html>', '"text"', '{}', '[]']) {
  test(`an answer ${body} shows that this is no registry`, async () => {
    await using server = await serve({ status: 200, body })
    const client = new RegistryClient({ url: server.url })
    await assert.rejects(client.register('t', SCHEMA), { code: 'REGISTRY_REFUSED' })
    await assert.rejects(client.schemaById(1), { code: 'REGISTRY_REFUSED' })
    if (body !== '[]') await assert.rejects(client.subjects(), { code: 'REGISTRY_REFUSED' })
  })
}

test('credentials that cannot be sent are a mistake of the configuration, and are not shown', () => {
  const url = 'http://registry:8081'
  for (const options of [
    { url, auth: { token: 'hunter2\n' } },
    { url: 'http://user:hunter2%zz@registry:8081' },
  ]) {
    assert.throws(
      () => new RegistryClient(options),
      (error: TributaryError) => error.code === 'CONFIG_INVALID' && !error.message.includes('hunter2'),
    )
  }
})

test('a URL that is none is a mistake of the configuration, and its text is not shown', () => {
  assert.throws(
    () => new RegistryClient({ url: 'u:secret@host' }),
    error => {
      assert.doesNotMatch((error as Error).message, /secret/)
      return (error as { code?: string }).code === 'CONFIG_INVALID'
    },
  )
})

test('check finds a registry that answers', async () => {
  await using server = await serve(ok(['a', 'b']))
  const [finding] = await checkRegistry({ url: server.url })
  assert.equal(finding?.severity, 'ok')
})

test('check tells a registry that refuses from one that is absent', async () => {
  await using server = await serve({ status: 401, body: '' })
  const [refused] = await checkRegistry({ url: server.url })
  assert.deepEqual([refused?.severity, refused?.isAbsent], ['failure', false])
  assert.match(refused?.fix ?? '', /registry\.auth/)
  const [absent] = await checkRegistry({ url: `http://127.0.0.1:${await closedPort()}`, clock: quickClock() })
  assert.deepEqual([absent?.severity, absent?.isAbsent], ['failure', true])
})
