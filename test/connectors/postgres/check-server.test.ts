import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { Client } from 'pg'
import type { Finding } from '../../../core/types.ts'
import { service, startService } from '../../services/index.ts'
import { until } from '../../support/until.ts'
import { TestDatabase } from './database.ts'
import { applyFix, onOwnServers } from './own-server.ts'
import { rejection } from './scene.ts'
import { ask } from './standby.ts'

async function findings(database: TestDatabase, settings = {}): Promise<Finding[]> {
  const source = database.source({ settings })
  try {
    return await source.check()
  } finally {
    await source.close()
  }
}

const find = (found: readonly Finding[], subject: string): Finding | undefined =>
  found.find(finding => finding.subject === subject && finding.severity !== 'ok')

onOwnServers('check', {}, ({ scene, version }) => {
  it('refuses failover where slots cannot be copied, and its fix makes that go', async () => {
    const { database } = scene
    const refused = find(await findings(database, { failover: true }), 'failover')
    assert.equal(refused?.severity, version < 17 ? 'failure' : undefined)
    assert.equal(find(await findings(database, { failover: false }), 'failover'), undefined)
  })

  for (const [setting, value, message] of [
    ['wal_sender_timeout', '0', /never given free/],
    ['wal_sender_timeout', '5s', /short pause/],
    ['logical_decoding_work_mem', '1MB', /disk/],
    ['max_slot_wal_keep_size', '100MB', /100 MB behind|so far behind/],
  ] as const) {
    it(`warns of ${setting} = ${value}, and its fix makes the warning go`, async () => {
      const { database } = scene
      await database.commit(`ALTER SYSTEM SET ${setting} = '${value}'`, 'SELECT pg_reload_conf()')
      await until(
        'the server has the setting',
        async () => find(await findings(database), setting) !== undefined,
      )
      const warned = find(await findings(database), setting)
      assert.equal(warned?.severity, 'warning')
      assert.match(warned?.message ?? '', message)
      await applyFix(database, warned ?? assert.fail())
      await until('the warning goes', async () => find(await findings(database), setting) === undefined)
      await database.commit(`ALTER SYSTEM RESET ${setting}`, 'SELECT pg_reload_conf()')
    })
  }

  it('warns of a database whose texts may be no texts, and its fix makes one where they are', async () => {
    const { database } = scene
    const name = `${database.name}_ascii`
    await database.commit(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' TEMPLATE template0 LOCALE 'C'`)
    const url = new URL(database.url)
    url.pathname = `/${name}`
    const warned = find(await findings(TestDatabase.at(url.href)), 'encoding')
    assert.equal(warned?.severity, 'warning')
    await applyFix(database, warned ?? assert.fail())
    url.pathname = `/${name}_utf8`
    assert.equal(find(await findings(TestDatabase.at(url.href)), 'encoding'), undefined)
    await database.commit(`DROP DATABASE ${name}`, `DROP DATABASE ${name}_utf8`)
  })
})

describe('check of a server that was not made for this', () => {
  for (const name of ['postgres15', 'postgres18'] as const) {
    it(`tells all that ${name} lacks at once, and after its fixes and a restart nothing`, async () => {
      await using server = await startService(name, {
        settings: { wal_level: 'replica', max_replication_slots: '1', max_wal_senders: '1' },
      })
      await ask(server.url, `SELECT pg_create_physical_replication_slot('standby')`)
      const sender = new Client({ connectionString: server.url, ...{ replication: 'true' } })
      sender.on('error', () => undefined)
      await sender.connect()
      const database = TestDatabase.at(server.url)
      const found = (await findings(database)).filter(
        ({ severity, fix }) => severity !== 'ok' && fix?.startsWith('ALTER'),
      )
      assert.deepEqual(
        found.map(({ subject, severity }) => [subject, severity]),
        [
          ['wal_level', 'failure'],
          ['max_replication_slots', 'failure'],
          ['max_wal_senders', 'warning'],
        ],
      )
      for (const { fix } of found) await ask(server.url, fix?.replace(/--.*$/, '') ?? '')
      await sender.end()
      await server.kill('SIGINT')
      await server.restart()
      const rest = (await findings(database)).filter(({ fix }) => fix?.startsWith('ALTER'))
      assert.deepEqual(rest, [])
    })
  }
})

describe('a pooler before the server', () => {
  it('that refuses our session is told as what it is, and not tried again', async () => {
    const { url } = await service('postgres15')
    await using pooler = await startPooler(url, 'refuses')
    const source = TestDatabase.at(pooler.url).source()
    const error = await rejection(source.check())
    await source.close()
    assert.deepEqual([error.code, error.reaction], ['SOURCE_POOLED', 'stop'])
  })

  it('that keeps settings of the session from the server is found', async () => {
    const { url } = await service('postgres15')
    await using pooler = await startPooler(url, 'ignores')
    const found = await findings(TestDatabase.at(pooler.url))
    assert.deepEqual(
      found.map(({ subject, severity, code }) => [subject, severity, code]),
      [['connection', 'failure', 'SOURCE_POOLED']],
    )
    assert.deepEqual(find(await findings(TestDatabase.at(url)), 'connection'), undefined)
  })
})

/** Treats the startup parameter `options` as PgBouncer does, with and without `ignore_startup_parameters`. */
async function startPooler(serverUrl: string, options: 'refuses' | 'ignores') {
  const server = new URL(serverUrl)
  const sockets: Socket[] = []
  const pooler = createServer(socket => {
    sockets.push(socket.on('error', () => socket.destroy()))
    socket.once('data', startup => {
      if (options === 'refuses') return void socket.end(refusal())
      const upstream = connect(Number(server.port), server.hostname).on('error', () => socket.destroy())
      sockets.push(upstream)
      upstream.write(withoutOptions(startup))
      socket.pipe(upstream).pipe(socket)
    })
  }).listen(0, '127.0.0.1')
  await once(pooler, 'listening')
  const url = new URL(serverUrl)
  url.host = `127.0.0.1:${(pooler.address() as AddressInfo).port}`
  url.searchParams.set('sslmode', 'disable')
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      pooler.close()
      await once(pooler, 'close')
    },
  }
}

/** "Message Formats" (protocol-message-formats), StartupMessage: pairs of names and values. */
function withoutOptions(startup: Buffer): Buffer {
  const parts = startup.toString('utf8', 8).split('\0')
  const at = parts.indexOf('options')
  assert.ok(at >= 0)
  const body = Buffer.from(parts.toSpliced(at, 2).join('\0'))
  const head = Buffer.from(startup.subarray(0, 8))
  head.writeUInt32BE(8 + body.length)
  return Buffer.concat([head, body])
}

/** ErrorResponse, in the words of PgBouncer. */
function refusal(): Buffer {
  const fields = Buffer.from('SFATAL\0C08P01\0Munsupported startup parameter: options\0\0')
  const head = Buffer.from('E\0\0\0\0')
  head.writeUInt32BE(4 + fields.length, 1)
  return Buffer.concat([head, fields])
}
