import assert from 'node:assert/strict'
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer } from 'node:net'
import { describe, it } from 'node:test'
import { connect, createServer } from 'node:tls'
import { isLoopback, tlsFailure } from '../../../../core/net/tls.ts'
import { createAuthority } from '../../../support/certificates.ts'

const failed = (code: string, message = 'what OpenSSL says') =>
  tlsFailure(Object.assign(new Error(message), { code }))

type Direction = 'towards us' | 'towards the server'

/** The code that a client sees when the last byte of what one end sends after the handshake comes as another. */
async function damage(direction: Direction): Promise<string> {
  // The server may drop the link before its alert has gone out; then the client is told nothing.
  for (;;) {
    const code = await damageOnce(direction)
    if (code !== null) return code
  }
}

async function damageOnce(direction: Direction): Promise<string | null> {
  const authority = createAuthority('Us')
  const server = createServer(authority.issue({ name: 'server', hosts: ['localhost'] }), socket => {
    socket.on('error', () => undefined)
    socket.on('data', data => socket.write(data))
  })
  let isDamaging: Direction | null = null
  const damaged = (data: Buffer, way: Direction) => {
    if (isDamaging === way) data[data.length - 1]! ^= 1
    return data
  }
  const proxy = createTcpServer(near => {
    const far = connectTcp((server.address() as AddressInfo).port, '127.0.0.1')
    near.on('data', data => far.write(damaged(data, 'towards the server')))
    far.on('data', data => near.write(damaged(data, 'towards us')))
    near.on('close', () => far.destroy()).on('error', () => undefined)
    far.on('close', () => near.end()).on('error', () => undefined)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as AddressInfo
  const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: authority.cert })
  // The first answer shows that all of the handshake is behind us.
  client.write('a')
  client.once('data', () => {
    isDamaging = direction
    client.write('b')
  })
  const code = await new Promise<string | null>(resolve => {
    client.once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
    client.once('close', () => resolve(null))
  })
  client.destroy()
  for (const each of [server, proxy]) await new Promise(resolve => each.close(resolve))
  return code
}

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

  it('may pass when bytes were damaged on the way, whoever finds that, and when the server is in trouble', async () => {
    const codes = [await damage('towards us'), await damage('towards the server')]
    for (const code of [...codes, 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR']) {
      assert.equal(failed(code)?.isPassing, true, code)
    }
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
