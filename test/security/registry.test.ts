import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type RegistrySettings, registrySettings } from '../../core/config/settings.ts'
import { RegistryClient } from '../../schemas/registry.ts'
import { checkRegistry } from '../../schemas/registry-check.ts'
import { service } from '../services/index.ts'
import { createAuthority } from '../support/certificates.ts'
import { type RegistryProxy, startRegistryProxy } from '../support/registry-proxy.ts'
import { serveTokens } from '../support/token-server.ts'

const SCHEMA = '"string"'
const basic = (user: string, password: string) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`
const USER = 'us@er'
const PASSWORD = 'pä:ss w/rd'

describe('a registry behind TLS and a login', () => {
  const ca = createAuthority('Tests of tributary')
  const foreign = createAuthority('Somebody')
  const server = ca.issue({ name: 'registry', hosts: ['localhost'] })
  let allowed: string[] = []
  let target: string
  let proxy: RegistryProxy
  let folder: string
  before(async () => {
    target = (await service('registry')).url
    proxy = await startRegistryProxy({
      target,
      identity: server,
      allows: authorization => allowed.includes(authorization ?? ''),
    })
    folder = mkdtempSync(join(tmpdir(), 'tributary-registry-'))
  })
  after(async () => {
    await proxy[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  /** As they would come out of a file. */
  const settings = (rest: object, url = proxy.url): RegistrySettings =>
    registrySettings.parse({ url, tls: { ca: ca.cert }, ...rest })
  const works = async (options: RegistrySettings) => {
    const [finding, ...more] = await checkRegistry(options)
    assert.deepEqual([finding?.severity, more], ['ok', []], finding?.message)
    const client = new RegistryClient({ ...options, giveUpAfterMs: 30_000 })
    const id = await client.register(`secure-${randomUUID()}-value`, SCHEMA)
    assert.equal(await client.schemaById(id), SCHEMA)
  }
  /** Stops at once, and is told the same way by `check`. */
  const isRefused = async (options: RegistrySettings, message: RegExp) => {
    const client = new RegistryClient({ ...options, giveUpAfterMs: 30_000 })
    await assert.rejects(client.register('t-value', SCHEMA), { code: 'REGISTRY_REFUSED', message })
    const [finding] = await checkRegistry(options)
    assert.deepEqual([finding?.severity, finding?.isAbsent], ['failure', false])
    assert.match(finding?.message ?? '', message)
    for (const secret of [PASSWORD, 'wrong', 'secret', 'PRIVATE KEY']) {
      assert.ok(!JSON.stringify(finding).includes(secret), 'a secret is shown')
    }
  }

  it('is used with user and password, and refuses others', async () => {
    allowed = [basic(USER, PASSWORD)]
    await works(settings({ auth: { username: USER, password: PASSWORD } }))
    const unauthorized = /refuses access to .*\(401\)\. See registry\.auth/
    await isRefused(settings({ auth: { username: USER, password: 'wrong' } }), unauthorized)
    await isRefused(settings({ auth: { token: 'wrong' } }), unauthorized)
    await isRefused(settings({}), unauthorized)
  })

  it('is used with a token, and with one that somebody puts into a file anew', async () => {
    allowed = ['Bearer first']
    await works(settings({ auth: { token: 'first' } }))
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, 'first\n')
    const client = new RegistryClient(settings({ auth: { tokenFile } }))
    await client.subjects()
    allowed = ['Bearer second']
    await assert.rejects(client.subjects(), { code: 'REGISTRY_REFUSED' })
    writeFileSync(tokenFile, 'second\n')
    await client.subjects()
    await isRefused(settings({ auth: { tokenFile: join(folder, 'none') } }), /none cannot be read \(ENOENT\)/)
  })

  it('is used with client credentials, whose token is asked for again when it is not taken', async () => {
    const client = { clientId: 'tributary', clientSecret: 'the-secret' }
    let token = 'first'
    await using tokens = await serveTokens({ ...client, lifeSeconds: 3600, token: () => token })
    allowed = ['Bearer first']
    const options = settings({ auth: { ...client, tokenUrl: tokens.url } })
    await works(options)
    assert.equal(tokens.issued, 1)
    token = 'second'
    allowed = ['Bearer second']
    await works(options)
    assert.equal(tokens.issued, 2)
    await isRefused(
      settings({ auth: { ...client, clientSecret: 'wrong', tokenUrl: tokens.url } }),
      /gives client tributary no token \(401 invalid_client\)\. See registry\.auth/,
    )
  })

  it('is used with a certificate of ours where it wants one', async () => {
    const mutual = { target, identity: server, clientCa: ca.cert }
    await using strict = await startRegistryProxy(mutual)
    const { cert, key, encryptedKey } = ca.issue({ name: 'worker' })
    await works(settings({ tls: { ca: ca.cert, cert, key } }, strict.url))
    const locked = { ca: ca.cert, cert, key: encryptedKey('open'), passphrase: 'open' }
    await works(settings({ tls: locked }, strict.url))
    const { cert: theirs, key: theirKey } = foreign.issue({ name: 'worker' })
    const refused = /refuses access to .*\(403\)\. See registry\.auth and registry\.tls/
    await isRefused(settings({}, strict.url), refused)
    await isRefused(settings({ tls: { ca: ca.cert, cert: theirs, key: theirKey } }, strict.url), refused)
  })

  it('is not believed with a certificate of another authority, for another name, or out of date', async () => {
    allowed = ['Bearer t']
    const auth = { token: 't' }
    const { passed } = proxy
    await isRefused(settings({ auth, tls: { ca: foreign.cert } }), /not trusted here.*registry\.tls\.ca/)
    await isRefused(settings({ auth, tls: undefined }), /not trusted here.*registry\.tls\.ca/)
    const byAddress = proxy.url.replace('localhost', '127.0.0.1')
    await isRefused(settings({ auth }, byAddress), /for other names.*registry\.tls\.servername/)
    assert.equal(proxy.passed, passed)
    await works(settings({ auth, tls: { ca: ca.cert, servername: 'localhost' } }, byAddress))
    const identity = ca.issue({ name: 'registry', hosts: ['localhost'], isExpired: true })
    await using old = await startRegistryProxy({ target, identity })
    await isRefused(settings({ auth }, old.url), /certificate that has expired/)
  })

  it('is refused where it speaks no TLS or sends us elsewhere, and never sent the token there', async () => {
    await using plain = await startRegistryProxy({ target })
    const secured = plain.url.replace('http:', 'https:')
    await isRefused(settings({ auth: { token: 't' } }, secured), /does not speak TLS there/)
    let seen = 0
    const elsewhere = createServer((_, response) => {
      seen++
      response.writeHead(302, { location: `${plain.url}/subjects` }).end()
    })
    await new Promise<void>(resolve => elsewhere.listen(0, '127.0.0.1', resolve))
    const { port } = elsewhere.address() as AddressInfo
    const options = settings({ auth: { token: 't' }, tls: undefined }, `http://127.0.0.1:${port}`)
    await isRefused(options, /sends us elsewhere \(302\): name that place in registry\.url/)
    assert.deepEqual([seen, plain.passed], [2, 0])
    elsewhere.closeAllConnections()
    await new Promise(resolve => elsewhere.close(resolve))
  })
})
