import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { kafkaSettings, registrySettings } from '../../../../core/config/settings.ts'
import { createAuthority } from '../../../support/certificates.ts'

const brokers = ['kafka:9092']
const problems = (schema: typeof kafkaSettings | typeof registrySettings, value: object) =>
  (schema.safeParse(value).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
const sasl = (login: object) => problems(kafkaSettings, { brokers, sasl: login })
const auth = (login: object) => problems(registrySettings, { url: 'http://r', auth: login })

describe('credentials in the settings', () => {
  it('are user and password, or one way to a token', () => {
    const credentials = { tokenUrl: 'https://id/token', clientId: 'c', clientSecret: 's', scope: 'x' }
    for (const login of [{ token: 't' }, { tokenFile: '/run/t' }, credentials]) {
      assert.deepEqual(sasl({ mechanism: 'oauthbearer', ...login }), [])
      assert.deepEqual(auth(login), [])
    }
    assert.deepEqual(sasl({ mechanism: 'plain', username: 'u', password: '' }), [])
    assert.deepEqual(auth({ username: 'u', password: 'p' }), [])
  })

  it('are told what is missing and what does not go together, each by its name', () => {
    assert.deepEqual(sasl({ mechanism: 'plain', username: 'u' }), ['sasl.password: is missing'])
    assert.deepEqual(sasl({ mechanism: 'scram-sha-256', username: 'u', password: 'p', token: 't' }), [
      'sasl.token: does not go with user and password',
    ])
    assert.deepEqual(sasl({ mechanism: 'oauthbearer' }), [
      'sasl: must hold one of: token, tokenFile, tokenUrl',
    ])
    assert.deepEqual(sasl({ mechanism: 'oauthbearer', token: 't', tokenFile: 'f' }), [
      'sasl.tokenFile: does not go with token',
    ])
    assert.deepEqual(sasl({ mechanism: 'oauthbearer', token: 't', username: 'u', scope: 's' }), [
      'sasl.username: does not go with token',
      'sasl.scope: does not go with token',
    ])
    assert.deepEqual(auth({ tokenUrl: 'https://id/token', clientId: 'c' }), [
      'auth.clientSecret: is missing beside tokenUrl',
    ])
    assert.deepEqual(auth({}), ['auth: must hold one of: username, token, tokenFile, tokenUrl'])
    assert.deepEqual(auth({ password: 'p' }), [
      'auth: must hold one of: username, token, tokenFile, tokenUrl',
    ])
  })

  it('never stand in a URL, and TLS needs one that has it', () => {
    assert.deepEqual(problems(registrySettings, { url: 'https://u:hunter2@r' }), [
      'url: may not hold user and password',
    ])
    assert.deepEqual(auth({ tokenUrl: 'https://u:hunter2@id', clientId: 'c', clientSecret: 's' }), [
      'auth.tokenUrl: may not hold user and password',
    ])
    assert.deepEqual(problems(registrySettings, { url: 'http://r', tls: {} }), [
      'tls: needs a URL that begins with https://',
    ])
  })

  it('are certificates in PEM that fit their keys', () => {
    const { cert, key } = createAuthority('A').issue({ name: 'a' })
    const other = createAuthority('B').issue({ name: 'b' })
    const tls = (material: object) => problems(kafkaSettings, { brokers, tls: material })
    assert.deepEqual(tls({ ca: cert, cert, key }), [])
    assert.equal(tls({ ca: 'PEM' }).length, 1)
    assert.match(tls({ ca: 'PEM' })[0] ?? '', /holds no certificates in PEM/)
    assert.match(tls({ cert, key: other.key })[0] ?? '', /is not the key of the certificate/)
  })

  it('go to brokers by name, by address, and by address of version 6', () => {
    const named = (broker: string) => problems(kafkaSettings, { brokers: [broker] }).length === 0
    assert.deepEqual(['k:9092', '10.0.0.1:9092', '[::1]:9092', '[fe80::1]:9092'].filter(named).length, 4)
    assert.deepEqual(['::1:9092', '[k]:9092', 'k', 'k:x', '[::1]'].filter(named), [])
  })
})
