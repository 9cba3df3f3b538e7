import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { tokenSource } from '../../../../../core/net/token.ts'
import { exposureFindings } from '../../../../../core/sinks/kafka/check.ts'
import { hostOf, type LoginStep, seedOf, tokenLogin } from '../../../../../core/sinks/kafka/security.ts'
import { exposureFindings as registryFindings } from '../../../../../schemas/registry-check.ts'
import { ManualClock } from '../../../../support/manual-clock.ts'
import { serveTokens } from '../../../../support/token-server.ts'

describe('brokers', () => {
  it('by address of version 6 pass through the client, which cuts at the first colon', () => {
    for (const [broker, host, port] of [
      ['[::1]:9092', '::1', '9092'],
      ['[fe80::2:3]:9093', 'fe80::2:3', '9093'],
      ['under_score:9092', 'under_score', '9092'],
      ['10.0.0.1:9092', '10.0.0.1', '9092'],
    ] as const) {
      const [cutHost = '', cutPort] = seedOf(broker).split(':')
      assert.deepEqual([hostOf(cutHost), cutPort], [host, port])
    }
  })
})

describe('a token that a broker refuses', () => {
  it('is replaced and tried again when it was not new, and stops the connector when it was', async () => {
    let count = 0
    await using server = await serveTokens({
      clientId: 'c',
      clientSecret: 's',
      lifeSeconds: 600,
      token: () => `t${++count}`,
    })
    const credentials = { tokenUrl: server.url, clientId: 'c', clientSecret: 's' }
    const settings = { mechanism: 'oauthbearer' as const, ...credentials }
    const clock = new ManualClock()
    await tokenSource(settings, clock).get()
    let taken = /t2/
    const saslAuthenticate = async ({ request }: LoginStep) =>
      taken.test(String(await request.encode())) ? '' : '{"status":"invalid_token"}'
    const login = () => tokenLogin(settings).authenticationProvider({ saslAuthenticate }).authenticate()
    await clock.pass(60_000)
    await assert.rejects(login(), { code: 'KAFKA_UNREACHABLE' })
    await login()
    taken = /none/
    await assert.rejects(login(), { code: 'KAFKA_REFUSED' })
  })
})

describe('a login that others can read', () => {
  const sasl = (mechanism: 'plain' | 'oauthbearer' | 'scram-sha-256') => ({ mechanism })
  const warned = (brokers: string[], rest: object) => exposureFindings({ brokers, ...rest }).length > 0

  it('is one whose secret goes to another machine without TLS', () => {
    assert.ok(warned(['kafka:9092'], { sasl: sasl('plain') }))
    assert.ok(warned(['localhost:9092', '[fe80::1]:9092'], { sasl: sasl('oauthbearer'), tls: false }))
    assert.ok(!warned(['kafka:9092'], { sasl: sasl('plain'), tls: true }))
    assert.ok(!warned(['kafka:9092'], { sasl: sasl('scram-sha-256') }))
    assert.ok(!warned(['kafka:9092'], {}))
    assert.ok(!warned(['localhost:9092', '127.0.0.1:1', '[::1]:1'], { sasl: sasl('plain') }))
  })

  it('is told of the registry, too', () => {
    const told = (url: string, auth?: object) => registryFindings({ url, ...(auth && { auth }) }).length > 0
    assert.ok(told('http://registry:8081', { token: 't' }))
    assert.ok(!told('https://registry:8081', { token: 't' }))
    assert.ok(!told('http://registry:8081'))
    assert.ok(!told('http://127.0.0.1:8081', { token: 't' }))
  })
})
