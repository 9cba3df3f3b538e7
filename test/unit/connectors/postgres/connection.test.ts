import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  openReplication,
  Queries,
  type ReplicationStart,
} from '../../../../connectors/postgres/connection.ts'
import type { TributaryError } from '../../../../core/errors.ts'
import { createAuthority } from '../../../support/certificates.ts'
import {
  askForSasl,
  DONE,
  type FakePostgres,
  type Heard,
  LOGGED_IN,
  message,
  NO_ROWS,
  STREAMING,
  startFakePostgres,
} from '../../../support/fake-postgres.ts'

const URL_OF = ({ port }: FakePostgres, parameters = '') =>
  `postgres://u:pw@127.0.0.1:${port}/d?${parameters}`

/** Lets everybody in, and answers queries of both protocols with nothing. */
function polite({ kind, text }: Heard): Buffer | null {
  if (kind === 'start') return LOGGED_IN
  if (kind === 'Q') return /^START_REPLICATION/.test(text) ? STREAMING : DONE
  return kind === 'S' ? NO_ROWS : null
}

const codeOf = async (opening: Promise<unknown>): Promise<string> =>
  await opening.then(
    () => 'none',
    (error: TributaryError) => error.code,
  )

const startOf = (url: string, more: Partial<ReplicationStart> = {}): ReplicationStart => ({
  url,
  where: 'Connector c',
  slot: 's',
  publication: 'p',
  messages: [],
  begin: async ask => {
    await ask('IDENTIFY_SYSTEM')
    return 1n
  },
  signal: new AbortController().signal,
  ...more,
})

const deaf = { message: () => undefined, warned: () => undefined, ended: () => undefined }

describe('a session', () => {
  it('does not log in without its binding when a server without TLS says that it could be had', async () => {
    const answer = ({ kind }: Heard) =>
      kind === 'start' ? askForSasl('SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256') : null
    await using server = await startFakePostgres({ answer })
    const queries = new Queries({ url: URL_OF(server, 'channel_binding=require'), where: 'Connector c' })
    assert.equal(await codeOf(queries.query('SELECT')), 'SOURCE_ACCESS_DENIED')
    await queries.close()
    assert.deepEqual(
      server.heard.map(({ kind }) => kind),
      ['start'],
    )
  })

  it('is tried again when the server answers the wish for TLS with an error: it has no room for a session', async () => {
    await using server = await startFakePostgres({ tls: 'Ecould not fork secret\n\0', answer: () => null })
    const queries = new Queries({ url: URL_OF(server, 'sslmode=require'), where: 'Connector c' })
    await assert.rejects(queries.query('SELECT'), ({ code, message: told }: TributaryError) => {
      assert.equal(code, 'SOURCE_UNREACHABLE')
      assert.doesNotMatch(told, /secret/)
      return true
    })
    await queries.close()
  })

  it('is refused once where the server has no TLS: there is no other way to try', async () => {
    const refusal = message('E', 'SFATAL\0C28P01\0Mpassword authentication failed\0\0')
    await using server = await startFakePostgres({
      answer: ({ kind }) => (kind === 'start' ? refusal : null),
    })
    const queries = new Queries({ url: URL_OF(server), where: 'Connector c' })
    await assert.rejects(queries.query('SELECT'), ({ code, message: told }: TributaryError) => {
      assert.equal(code, 'SOURCE_ACCESS_DENIED')
      assert.doesNotMatch(told, /without TLS/)
      return true
    })
    await queries.close()
    assert.equal(server.links, 1)
  })

  it('is one for all who ask while it is being opened', async () => {
    await using server = await startFakePostgres({ answer: polite })
    const queries = new Queries({ url: URL_OF(server, 'sslmode=disable'), where: 'Connector c' })
    await Promise.all([1, 2, 3].map(() => queries.query('SELECT')))
    await queries.close()
    assert.equal(server.links, 1)
  })
})

describe('a replication session', () => {
  it('is given up when the server falls silent before it streams', async () => {
    for (const silent of ['IDENTIFY_SYSTEM', 'START_REPLICATION']) {
      const answer = (heard: Heard) => (heard.text.startsWith(silent) ? null : polite(heard))
      await using server = await startFakePostgres({ answer })
      const start = startOf(URL_OF(server), { openingTimeoutMs: 200 })
      assert.equal(await codeOf(openReplication(start, deaf)), 'SOURCE_UNREACHABLE')
    }
  })

  it('lets no limit of the server end a long transaction', async () => {
    await using server = await startFakePostgres({ answer: polite })
    const link = await openReplication(startOf(URL_OF(server)), deaf)
    await link.close()
    const said = server.heard.map(({ text }) => text)
    assert.ok(said.some(text => text.includes(`set_config('transaction_timeout', '0'`)))
  })

  it('whose encryption breaks while it streams is opened again', async () => {
    const identity = createAuthority('A').issue({ name: 'a' })
    await using server = await startFakePostgres({ tls: 'S', identity, answer: polite })
    const ended = Promise.withResolvers<TributaryError>()
    const start = startOf(URL_OF(server, 'sslmode=require'))
    const link = await openReplication(start, { ...deaf, ended: ended.resolve })
    server.inject('no record of TLS, whatever it is')
    assert.equal((await ended.promise).code, 'SOURCE_CONNECTION_LOST')
    await link.close()
  })
})
