import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isLoopback, tlsFailure } from '../../../../core/net/tls.ts'

const failed = (code: string, message = 'what OpenSSL says') =>
  tlsFailure(Object.assign(new Error(message), { code }))

describe('failures of TLS', () => {
  it('are told by what has to be mended', () => {
    for (const [code, about] of [
      ['SELF_SIGNED_CERT_IN_CHAIN', 'authority'],
      ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'authority'],
      ['ERR_TLS_CERT_ALTNAME_INVALID', 'name'],
      ['CERT_HAS_EXPIRED', 'validity'],
      ['CERT_REVOKED', 'validity'],
      ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'client'],
      ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'client'],
      ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'client'],
      ['ERR_SSL_WRONG_VERSION_NUMBER', 'protocol'],
      ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol'],
    ] as const) {
      const failure = failed(code)
      assert.deepEqual([failure?.about, failure?.isPassing], [about, false], code)
      if (about !== 'name') assert.match(failure?.words ?? '', new RegExp(`\\(${code.replace('/', '.')}\\)$`))
    }
  })

  it('are the same when they are found out while writing', () => {
    const words = (reason: string) => `write EPROTO 40:error:0A00010B:SSL routines:f:${reason}:../x.c:77:\n`
    assert.deepEqual(failed('EPROTO', words('wrong version number')), failed('ERR_SSL_WRONG_VERSION_NUMBER'))
    assert.equal(failed('EPROTO', words('sslv3 alert bad certificate'))?.about, 'client')
    assert.equal(failed('EPROTO')?.about, 'protocol')
  })

  it('may pass when the server only closed the connection', () => {
    const message = 'Client network socket disconnected before secure TLS connection was established'
    assert.equal(failed('ECONNRESET', message)?.isPassing, true)
  })

  it('are no others', () => {
    assert.equal(failed('ECONNRESET'), null)
    assert.equal(failed('ECONNREFUSED'), null)
    assert.equal(tlsFailure('nothing'), null)
  })
})

it('What goes to this machine stays on it', () => {
  for (const host of ['localhost', 'a.localhost', '127.0.0.9', '::1', '[::1]', '/tmp'])
    assert.ok(isLoopback(host))
  for (const host of ['db', '10.0.0.1', '::2', '0.0.0.0', 'localhost.example']) assert.ok(!isLoopback(host))
})
