import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { after, describe, it } from 'node:test'
import { MongoClient } from 'mongodb'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { silentLogger } from '../../core/log.ts'
import { KafkaClient } from '../../core/sinks/kafka/client.ts'
import { SERVICE_NAMES, type ServiceName, service, serviceVariable, startService } from './index.ts'
import { isAlive } from './process.ts'

/** One real statement against each kind of server. */
const WORK: Readonly<Record<ServiceName, (url: string) => Promise<void>>> = {
  kafka: makeTopic,
  registry: registerSchema,
  postgres15: url => askPostgres(url, '15'),
  postgres18: url => askPostgres(url, '18'),
  mysql: url => askMysql(url, /^9\./),
  mariadb: url => askMysql(url, /^10\.11\..*MariaDB/),
  mongodb: watchCollection,
}

describe('a server of one’s own', () => {
  for (const name of SERVICE_NAMES) {
    it(`${name} starts, works, and leaves nothing behind`, async () => {
      const server = await startService(name)
      const { pid, dataDir } = server
      try {
        await WORK[name](server.url)
      } finally {
        await server.stop()
      }
      assert.equal(isAlive(pid), false)
      assert.equal(existsSync(dirname(dataDir)), false)
    })
  }

  it('comes back on the same port with its data after SIGKILL', async () => {
    await using server = await startService('postgres', { settings: { application_name: 'given' } })
    const { pid, url } = server
    await query(url, 'create table kept as select 7 as n')
    await server.kill()
    await assert.rejects(query(url, 'select 1'), { code: 'ECONNREFUSED' })
    await server.restart()
    assert.notEqual(server.pid, pid)
    assert.equal(server.url, url)
    assert.deepEqual(await query(url, 'select n from kept'), [{ n: 7 }])
    assert.deepEqual(await query(url, 'show application_name'), [{ application_name: 'given' }])
  })

  it('says why it does not start', async () => {
    const started = startService('postgres', { settings: { no_such_setting: '1' } })
    await assert.rejects(started, /postgres\d+ ended; the end of its log:.*no_such_setting/s)
  })
})

describe('a shared server', () => {
  const variable = serviceVariable('mongodb')
  const before = process.env[variable]
  after(() => {
    if (before === undefined) delete process.env[variable]
    else process.env[variable] = before
  })

  it('is the one that the environment names', async () => {
    process.env[variable] = 'mongodb://elsewhere:1/'
    assert.deepEqual(await service('mongodb'), { name: 'mongodb', url: 'mongodb://elsewhere:1/' })
  })
})

async function makeTopic(url: string): Promise<void> {
  const client = new KafkaClient({ brokers: [url] }, silentLogger)
  const admin = client.admin()
  try {
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'made', numPartitions: 2 }] })
    assert.deepEqual(await admin.listTopics(), ['made'])
    await admin.disconnect()
  } finally {
    client.destroy()
  }
}

async function registerSchema(url: string): Promise<void> {
  const response = await fetch(`${url}/subjects/made-value/versions`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ schema: '"string"' }),
  })
  assert.equal(response.status, 200)
  assert.deepEqual(await (await fetch(`${url}/subjects`)).json(), ['made-value'])
}

async function askPostgres(url: string, version: string): Promise<void> {
  const [settings] = await query(
    url,
    `select split_part(current_setting('server_version'), '.', 1) as version,
       current_setting('wal_level') as level, current_setting('fsync') as fsync,
       current_setting('wal_sender_timeout') as timeout`,
  )
  assert.deepEqual(settings, { version, level: 'logical', fsync: 'on', timeout: '1min' })
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

async function askMysql(url: string, version: RegExp): Promise<void> {
  const connection = await createConnection(url)
  try {
    const [rows] = await connection.query(
      'select @@version as version, @@log_bin as logs, @@binlog_format as format, @@binlog_row_metadata as metadata',
    )
    const [{ version: found, ...settings }] = rows as [{ version: string }]
    assert.match(found, version)
    assert.deepEqual(settings, { logs: 1, format: 'ROW', metadata: 'FULL' })
  } finally {
    await connection.end()
  }
}

/** A change stream, which only a replica set has. */
async function watchCollection(url: string): Promise<void> {
  const client = await new MongoClient(url).connect()
  try {
    const items = client.db('made').collection('items')
    const { operationTime } = await client.db('admin').command({ ping: 1 })
    await items.insertOne({ n: 7 })
    const stream = items.watch([], { startAtOperationTime: operationTime })
    const change = await stream.next()
    assert.equal(change.operationType, 'insert')
    await stream.close()
  } finally {
    await client.close()
  }
}
