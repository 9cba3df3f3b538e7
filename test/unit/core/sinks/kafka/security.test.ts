import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exposureFindings } from '../../../../../core/sinks/kafka/check.ts'
import { hostOf, seedOf } from '../../../../../core/sinks/kafka/security.ts'
import { exposureFindings as registryFindings } from '../../../../../schemas/registry-check.ts'

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
