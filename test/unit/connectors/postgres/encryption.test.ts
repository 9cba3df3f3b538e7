import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkLink } from '../../../../connectors/postgres/check-link.ts'
import { linkExposure } from '../../../../connectors/postgres/dial.ts'
import { encryptionOf, encryptionProblems } from '../../../../connectors/postgres/encryption.ts'
import { postgresSettings } from '../../../../connectors/postgres/index.ts'
import { createAuthority } from '../../../support/certificates.ts'

const url = (parameters: string, host = 'db') => `postgres://u:p@${host}/shop?${parameters}`
const messages = (parameters: string, tls?: object) =>
  encryptionProblems({ url: url(parameters), ...(tls && { tls }) }).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  )

describe('what is asked of a link', () => {
  it('is prefer when nothing is said, as in libpq, and verify-full with the authorities of the system', () => {
    const mode = (parameters: string) => encryptionOf({ url: url(parameters) }).mode
    assert.equal(mode(''), 'prefer')
    assert.equal(mode('sslrootcert=/ca.pem'), 'prefer')
    assert.equal(mode('ssl=true'), 'require')
    assert.equal(mode('ssl=true&sslmode=allow'), 'allow')
    assert.equal(mode('sslrootcert=system'), 'verify-full')
    assert.equal(encryptionOf({ url: url(''), tls: { ca: 'system' } }).mode, 'verify-full')
  })

  it('is refused where libpq refuses it', () => {
    for (const [parameters, message] of [
      ['sslmode=no-verify', /^url: sslmode must be one of: disable, allow/],
      ['sslmode=verify-full', /^url: verify-full needs sslrootcert in source\.url/],
      ['sslmode=verify-ca', /^url: verify-ca needs sslrootcert/],
      ['sslmode=require&sslrootcert=system', /sslmode in source\.url must be verify-full/],
      ['sslnegotiation=direct', /sslnegotiation=direct needs sslmode in source\.url require or more/],
      ['sslmode=disable&channel_binding=require', /channel_binding=require needs TLS/],
      ['channel_binding=maybe', /channel_binding must be one of/],
      ['sslcert=/c.pem', /sslcert needs sslkey/],
      ['sslkey=/k.pem', /sslkey needs sslcert/],
      ['require_auth=none', /require_auth is not known here/],
      ['uselibpqcompat=true', /uselibpqcompat is not known here/],
      ['target_session_attrs=read-write', /target_session_attrs is not known here/],
    ] as const) {
      const [first, ...more] = messages(parameters)
      assert.match(first ?? 'nothing', message, parameters)
      assert.deepEqual(more, [])
    }
  })

  it('is said in one place', () => {
    assert.deepEqual(messages('sslmode=require', { mode: 'require' }), [
      'tls: says what sslmode in source.url says too',
    ])
    assert.deepEqual(messages('channel_binding=require', { mode: 'require' }), [])
    assert.deepEqual(messages('', { mode: 'verify-full' }), [
      'tls: verify-full needs source.tls.ca: certificates to trust, or `system`',
    ])
  })

  it('is told of certificates and keys that cannot be used, part by part, without quoting them', () => {
    const authority = createAuthority('A')
    const { cert, key, encryptedKey } = authority.issue({ name: 'a' })
    const other = authority.issue({ name: 'b' })
    const told = (tls: object) => messages('', { ca: authority.cert, ...tls })
    assert.deepEqual(told({}), [])
    assert.deepEqual(told({ cert, key }), [])
    assert.deepEqual(told({ cert, key: encryptedKey('p'), passphrase: 'p' }), [])
    assert.deepEqual(told({ ca: 'se cret' }), ['tls.ca: holds no certificates in PEM'])
    assert.deepEqual(told({ ca: cert.replace(/[A-Z]{2}/, '??') }), ['tls.ca: holds no certificates in PEM'])
    assert.deepEqual(told({ cert }), ['tls.key: is missing beside the certificate'])
    assert.deepEqual(told({ key }), ['tls.cert: is missing beside the key'])
    assert.deepEqual(told({ cert, key: 'se cret' }), ['tls.key: holds no private key in PEM'])
    assert.deepEqual(told({ cert, key: other.key }), ['tls.key: is not the key of the certificate'])
    assert.deepEqual(told({ cert, key: encryptedKey('p') }), [
      'tls.key: is encrypted, and no passphrase is given',
    ])
    assert.deepEqual(told({ cert, key: encryptedKey('p'), passphrase: 'q' }), [
      'tls.key: cannot be opened with its passphrase',
    ])
  })
})

it('A password that cannot be decoded is a mistake in the settings, and is not shown', () => {
  const parsed = (text: string) => postgresSettings.safeParse({ type: 'postgres', url: text })
  const issues = parsed('postgres://u:hunter2%ff@db/shop').error?.issues ?? []
  assert.deepEqual(
    issues.map(({ message }) => message),
    ['holds a % that begins no code; write it as %25'],
  )
  assert.equal(parsed('postgres://u:hunter2%25ff@db/shop').success, true)
  assert.equal(parsed('postgres://db/sh%ffop').success, false)
})

it('A finding warns of a link that is open, and only of that', () => {
  assert.deepEqual(checkLink(null), [])
  const [finding] = checkLink('the login and every row go to db unencrypted')
  assert.deepEqual([finding?.severity, finding?.subject], ['warning', 'encryption'])
  assert.match(finding?.fix ?? '', /sslmode=verify-full/)
})

it('A link is open to others when it is not encrypted and leaves the machine', () => {
  const exposure = (host: string, isEncrypted = false, hasPassword = true) =>
    linkExposure(
      { host, port: 5432, encryption: encryptionOf({ url: url('') }), where: '' },
      { isEncrypted, hasPassword },
    )
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '::1', '/var/run/postgresql']) {
    assert.equal(exposure(host), null)
  }
  assert.equal(exposure('db.example', true), null)
  assert.equal(exposure('db.example'), 'the login and every row go to db.example unencrypted')
  assert.equal(exposure('10.0.0.1', false, false), 'every row goes to 10.0.0.1 unencrypted')
})
