import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { it } from 'node:test'
import { postgresSettings } from '../../../connectors/postgres/index.ts'
import { service, startService } from '../../services/index.ts'
import { BatchReader } from '../../support/batch-reader.ts'
import { until } from '../../support/until.ts'
import { TestDatabase } from './database.ts'
import { rejection } from './scene.ts'

it('A server that shuts down is not held up by a stream that is idle', async () => {
  await using server = await startService('postgres')
  const database = await TestDatabase.create(server.url)
  await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
  const reader = new BatchReader(database.source({ settings: { tables: ['public.t'] } }), {})
  await reader.pull()
  // Log that brings no rows, so that nothing but progress can confirm it.
  await database.commit('CREATE TABLE elsewhere AS SELECT generate_series(1, 1000) AS id')
  const [postmaster] = await database.query<{ pid: number }>(
    `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid`,
  )
  await database.disconnect()
  const begin = performance.now()
  process.kill(postmaster?.pid ?? 0, 'SIGINT') // "fast shutdown"
  // As a pipeline does: pull, make durable, acknowledge.
  const pulling = (async () => {
    for (;;) reader.source.acknowledge((await reader.pull()).checkpoint)
  })()
  assert.equal((await rejection(pulling)).reaction, 'retry')
  assert.ok(performance.now() - begin < 5_000, 'the server waited for the stream')
  await reader.source.close()
})

it('A server that cannot be reached, or refuses the login, is told apart', async () => {
  const { url } = await service('postgres15')
  const nobody = new URL(url)
  nobody.username = 'nobody_at_all'
  const nowhere = new URL(url)
  nowhere.port = '1'
  const elsewhere = new URL(url)
  elsewhere.pathname = '/no_such_database'
  for (const [wrong, code] of [
    [nobody, 'SOURCE_ACCESS_DENIED'],
    [nowhere, 'SOURCE_UNREACHABLE'],
    [elsewhere, 'CONFIG_INVALID'],
  ] as const) {
    const source = TestDatabase.at(wrong.href).source()
    assert.equal((await rejection(source.check())).code, code)
    assert.equal((await rejection(new BatchReader(source, {}).pull())).code, code)
    await source.close()
  }
})

it('A stream that is told to end while a server does not answer its greeting ends at once', async () => {
  const { url } = await service('postgres15')
  const database = await TestDatabase.create(url)
  await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
  // The first session is for questions, the second for the log.
  for (const answered of [0, 1]) {
    await using proxy = await muteAfter(answered, database.url)
    const reader = new BatchReader(TestDatabase.at(proxy.url).source(), {})
    const pulling = assert.rejects(reader.pull(), /the stream has ended/)
    await until('a session is not answered', () => proxy.muted() > 0)
    const begin = performance.now()
    await Promise.all([pulling, reader.stop()])
    assert.ok(performance.now() - begin < 1_000, `after ${answered} sessions it took too long`)
  }
  await database.drop()
})

it('A stream that is told to end before it begins does nothing', async () => {
  const database = await TestDatabase.create((await service('postgres15')).url)
  const reader = new BatchReader(database.source(), {})
  assert.equal(await reader.abort(), true)
  await reader.source.close()
  assert.deepEqual(
    await database.query('SELECT FROM pg_replication_slots WHERE database = current_database()'),
    [],
  )
  await database.drop()
})

it('A URL that cannot be read is a mistake in the settings, which does not show the password', () => {
  const { error } = postgresSettings.safeParse({
    type: 'postgres',
    url: 'postgres://u:se/cret@localhost/shop',
  })
  assert.match(error?.message ?? '', /%2F/)
  assert.doesNotMatch(error?.message ?? '', /cret/)
})

/** Passes the first sessions on to the server, and takes later ones without a word. */
async function muteAfter(answered: number, serverUrl: string) {
  const server = new URL(serverUrl)
  const sockets: Socket[] = []
  let sessions = 0
  const proxy = createServer(socket => {
    sockets.push(socket.on('error', () => socket.destroy()))
    if (sessions++ >= answered) return
    const upstream = connect(Number(server.port), server.hostname).on('error', () => socket.destroy())
    sockets.push(upstream)
    socket.pipe(upstream).pipe(socket)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`
  return {
    url: url.href,
    muted: () => sessions - answered,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}
