import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { Queries } from '../../connectors/postgres/connection.ts'
import type { TlsSettings } from '../../connectors/postgres/encryption.ts'
import { createSource, postgresSettings } from '../../connectors/postgres/index.ts'
import { systemClock } from '../../core/clock.ts'
import { type ErrorCode, TributaryError } from '../../core/errors.ts'
import { silentLogger } from '../../core/log.ts'
import { service } from '../services/index.ts'
import { createAuthority } from '../support/certificates.ts'
import { PASSWORD, type SecurePostgres, startSecurePostgres } from '../support/secure-postgres.ts'

interface Try {
  readonly url: string
  readonly tls?: TlsSettings
  readonly password?: string
}

interface Session {
  readonly ssl: boolean
  readonly client: string | null
}

/** How the server sees the session. The settings are those that a file could hold. */
async function sessionOf({ url, tls, password }: Try): Promise<Session> {
  const settings = postgresSettings.parse({ type: 'postgres', url, ...(tls && { tls }), password })
  const queries = new Queries({ ...settings, where: 'Connector t' })
  try {
    const sql = 'SELECT ssl, client_dn AS client FROM pg_stat_ssl WHERE pid = pg_backend_pid()'
    const [session] = await queries.query<Session>(sql)
    return session as Session
  } finally {
    await queries.close()
  }
}

/** What a try ends with; it never shows the password. */
async function refusal(attempt: Try): Promise<TributaryError> {
  const thrown = await sessionOf(attempt).then(
    () => assert.fail('it was let in'),
    (error: unknown) => error,
  )
  assert.ok(thrown instanceof TributaryError, String(thrown))
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'PRIVATE KEY']) {
    assert.ok(!`${thrown.message}${thrown.stack}`.includes(secret), 'a secret is shown')
  }
  return thrown
}

async function assertRefused(attempt: Try, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await refusal(attempt)
  assert.equal(error.code, code, error.message)
  assert.match(error.message, message)
}

for (const name of ['postgres15', 'postgres18'] as const) {
  describe(`TLS and logins of ${name}`, () => {
    let pg: SecurePostgres
    let ca: string
    before(async () => {
      pg = await startSecurePostgres(name)
      ca = pg.file(pg.ca.cert)
    })
    after(() => pg[Symbol.asyncDispose]())

    const full = (user = 'scram', parameters = {}) =>
      pg.url(user, 'localhost', { sslmode: 'verify-full', sslrootcert: ca, ...parameters })

    it('encrypt as each sslmode says', async () => {
      for (const [sslmode, ssl] of [
        ['disable', false],
        ['allow', false],
        ['prefer', true],
        ['require', true],
      ] as const) {
        assert.equal((await sessionOf({ url: pg.url('scram', '127.0.0.1', { sslmode }) })).ssl, ssl, sslmode)
      }
      assert.equal((await sessionOf({ url: pg.url('scram', '127.0.0.1') })).ssl, true)
      assert.equal((await sessionOf({ url: pg.url('scram', '127.0.0.1', { ssl: 'true' }) })).ssl, true)
    })

    it('are tried the other way by allow and prefer when the server lets in one only', async () => {
      const ssl = async (user: string, sslmode: string) =>
        (await sessionOf({ url: pg.url(user, '127.0.0.1', { sslmode }) })).ssl
      assert.equal(await ssl('tls_only', 'allow'), true)
      assert.equal(await ssl('plain_only', 'prefer'), false)
      const untrusted = pg.file(createAuthority('Somebody').cert)
      const url = pg.url('scram', '127.0.0.1', { sslmode: 'prefer', sslrootcert: untrusted })
      assert.equal((await sessionOf({ url })).ssl, false)
    })

    it('verify the authority whenever one is named, and the name with verify-full alone', async () => {
      for (const sslmode of ['require', 'verify-ca']) {
        const url = pg.url('scram', '127.0.0.1', { sslmode, sslrootcert: ca })
        assert.equal((await sessionOf({ url })).ssl, true)
        const untrusted = pg.file(createAuthority('Somebody').cert)
        await assertRefused(
          { url: pg.url('scram', '127.0.0.1', { sslmode, sslrootcert: untrusted }) },
          'SOURCE_ACCESS_DENIED',
          /authority that is not trusted here.*sslrootcert in source\.url/,
        )
      }
      assert.equal((await sessionOf({ url: full() })).ssl, true)
      await assertRefused(
        { url: pg.url('scram', '127.0.0.1', { sslmode: 'verify-full', sslrootcert: ca }) },
        'SOURCE_ACCESS_DENIED',
        /at 127\.0\.0\.1 has a certificate for other names: .*Name the host in source\.url/,
      )
    })

    it('take certificates from the settings as well as from files that the URL names', async () => {
      const tls = { mode: 'verify-full', ca: pg.ca.cert } as const
      const bare = { url: `postgres://scram@localhost:${pg.port}/postgres`, password: PASSWORD }
      assert.equal((await sessionOf({ ...bare, tls })).ssl, true)
      assert.equal((await sessionOf({ ...bare, tls: { ca: pg.ca.cert } })).ssl, true)
      await assertRefused(
        { ...bare, tls: { ca: createAuthority('Somebody').cert } },
        'SOURCE_ACCESS_DENIED',
        /authority that is not trusted here.*source\.tls\.ca/,
      )
    })

    it('refuse files that are not there, hold something else, or do not fit each other', async () => {
      const other = pg.ca.issue({ name: 'other' })
      for (const [parameters, message] of [
        [{ sslrootcert: '/nowhere/ca.pem' }, /sslrootcert in source\.url, \/nowhere\/ca\.pem.*ENOENT/],
        [{ sslrootcert: pg.file('nonsense') }, /sslrootcert in source\.url holds no certificates/],
        [
          { sslcert: pg.file(pg.client.cert), sslkey: pg.file(other.key) },
          /sslkey in source\.url is not the key of the certificate/,
        ],
        [
          { sslcert: pg.file(pg.client.cert), sslkey: pg.file(pg.client.encryptedKey('open')) },
          /sslkey in source\.url is encrypted/,
        ],
      ] as const) {
        await assertRefused({ url: full('certified', parameters) }, 'CONFIG_INVALID', message)
      }
    })

    it('log in by SCRAM tied to the certificate, by MD5 and by password', async () => {
      for (const channel_binding of ['require', 'prefer', 'disable']) {
        assert.equal((await sessionOf({ url: full('scram', { channel_binding }) })).ssl, true)
      }
      for (const user of ['md5', 'clear']) {
        assert.equal((await sessionOf({ url: full(user) })).ssl, true)
        await assertRefused(
          { url: full(user, { channel_binding: 'require' }) },
          'SOURCE_ACCESS_DENIED',
          /channel_binding=require, and the server offers no login that is tied/,
        )
      }
      await assertRefused(
        { url: full('postgres', { channel_binding: 'require' }).replace('localhost', '127.0.0.1') },
        'SOURCE_ACCESS_DENIED',
        /other names|asked for no such login/,
      )
      await assertRefused(
        { url: pg.url('scram', '127.0.0.1', { sslmode: 'allow', channel_binding: 'require' }) },
        'SOURCE_ACCESS_DENIED',
        /channel_binding=require/,
      )
    })

    it('are refused for a wrong password and for none, without the password being shown', async () => {
      for (const user of ['scram', 'md5', 'clear', 'tls_only']) {
        const wrong = full(user).replace(/:[^/:@]+@/, `:${encodeURIComponent(`${PASSWORD}x`)}@`)
        await assertRefused(
          { url: wrong },
          'SOURCE_ACCESS_DENIED',
          /password authentication failed for user .* See user and password in source\.url/,
        )
        const none = full(user).replace(/:[^/:@]+@/, '@')
        await assertRefused(
          { url: none },
          'SOURCE_ACCESS_DENIED',
          /asks for a password, and source\.url has none/,
        )
      }
    })

    it('are refused where the server demands TLS, with the setting that mends it', async () => {
      await assertRefused(
        { url: pg.url('tls_only', '127.0.0.1', { sslmode: 'disable' }) },
        'SOURCE_ACCESS_DENIED',
        /no pg_hba\.conf entry.*set sslmode in source\.url to verify-full/,
      )
      await assertRefused(
        { url: pg.url('plain_only', '127.0.0.1', { sslmode: 'require' }) },
        'SOURCE_ACCESS_DENIED',
        /no pg_hba\.conf entry/,
      )
    })

    it('show a certificate of ours, also with a locked key, and one that the server knows', async () => {
      const { client } = pg
      const ours = { sslcert: pg.file(client.cert), sslkey: pg.file(client.key) }
      assert.equal((await sessionOf({ url: full('certified', ours) })).client, '/CN=certified')
      const locked = { ...ours, sslkey: pg.file(client.encryptedKey('open')), sslpassword: 'open' }
      assert.equal((await sessionOf({ url: full('certified', locked) })).client, '/CN=certified')
      assert.equal((await sessionOf({ url: full('twofold', ours) })).ssl, true)
      const tls = { ca: pg.ca.cert, cert: client.cert, key: client.encryptedKey('p'), passphrase: 'p' }
      const bare = { url: `postgres://certified@localhost:${pg.port}/postgres`, tls }
      assert.equal((await sessionOf(bare)).client, '/CN=certified')
    })

    it('are refused with no certificate, another’s, a foreign one, or one that was revoked', async () => {
      const { client, revoked } = pg
      const foreign = createAuthority('Somebody').issue({ name: 'certified' })
      const ours = (identity: typeof client) => ({
        sslcert: pg.file(identity.cert),
        sslkey: pg.file(identity.key),
      })
      const denied = (user: string, parameters: object) =>
        assertRefused({ url: full(user, parameters) }, 'SOURCE_ACCESS_DENIED', /sslcert in source\.url/)
      await denied('certified', {})
      await denied('twofold', {})
      await denied('certified', ours(pg.ca.issue({ name: 'somebody' })))
      await denied('certified', ours(foreign))
      await denied('certified', ours(revoked))
    })

    it('refuse a server whose certificate was revoked', async () => {
      await assertRefused(
        { url: full('scram', { sslcrl: pg.file(pg.ca.revoke(pg.cert)) }) },
        'SOURCE_ACCESS_DENIED',
        /certificate that was revoked/,
      )
      const others = { sslcrl: pg.file(pg.ca.revoke(pg.revoked)) }
      assert.equal((await sessionOf({ url: full('scram', others) })).ssl, true)
    })

    it('begin without asking where sslnegotiation=direct says so, on servers that can', async () => {
      const url = full('scram', { sslnegotiation: 'direct' })
      if (name === 'postgres18') assert.equal((await sessionOf({ url })).ssl, true)
      else await assertRefused({ url }, 'SOURCE_UNREACHABLE', /sslnegotiation=direct .* needs Postgres 17/)
    })

    it('hold for the stream as for the queries', async () => {
      const ours = { sslcert: pg.file(pg.client.cert), sslkey: pg.file(pg.client.key) }
      const url = full('twofold', { ...ours, channel_binding: 'require' })
      const settings = postgresSettings.parse({ type: 'postgres', url })
      const source = createSource(settings, { name: 'secure', clock: systemClock, log: silentLogger })
      const stop = new AbortController()
      const batches = source.stream({}, stop.signal)[Symbol.asyncIterator]()
      try {
        await batches.next()
        const queries = new Queries({ url: pg.server.url, where: 'test' })
        const seen = await queries.query(
          `SELECT ssl, client_dn FROM pg_stat_replication JOIN pg_stat_ssl USING (pid)`,
        )
        await queries.close()
        assert.deepEqual(seen, [{ ssl: true, client_dn: '/CN=certified' }])
      } finally {
        stop.abort()
        await batches.return?.()
        await source.close()
      }
    })

    it('refuse a certificate that has expired', async () => {
      await pg.present(pg.ca.issue({ name: 'server', hosts: ['localhost'], isExpired: true }))
      await assertRefused(
        { url: full() },
        'SOURCE_ACCESS_DENIED',
        /certificate that has expired.*on the server/,
      )
      assert.equal((await sessionOf({ url: pg.url('scram', 'localhost', { sslmode: 'require' }) })).ssl, true)
      await pg.present(pg.cert)
      assert.equal((await sessionOf({ url: full() })).ssl, true)
    })
  })
}

describe('A server without TLS', () => {
  it('is spoken to without by prefer and allow, and refused by every mode above', async () => {
    const { url } = await service('postgres')
    const withMode = (sslmode: string) => `${url}?${new URLSearchParams({ sslmode })}`
    for (const mode of ['disable', 'allow', 'prefer']) {
      assert.equal((await sessionOf({ url: withMode(mode) })).ssl, false)
    }
    await assertRefused(
      { url: withMode('require') },
      'CONFIG_INVALID',
      /offers no TLS, and sslmode in source\.url is require/,
    )
  })
})
