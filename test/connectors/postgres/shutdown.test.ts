import assert from 'node:assert/strict'
import { it } from 'node:test'
import { service, startService } from '../../services/index.ts'
import { BatchReader } from '../../support/batch-reader.ts'
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
