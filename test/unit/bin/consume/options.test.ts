import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { consumeOptions, parseFrom } from '../../../../bin/consume/options.ts'
import { parseInvocation } from '../../../../bin/usage.ts'

const optionsOf = (words: string, environment: Record<string, string> = {}) =>
  consumeOptions(parseInvocation(['consume', ...words.split(' ')]), environment)

describe('where consume begins', () => {
  it('is the beginning, the end, an offset or a time', () => {
    assert.equal(parseFrom('beginning'), 'beginning')
    assert.equal(parseFrom('end'), 'end')
    assert.deepEqual(parseFrom('42'), { offset: 42 })
    assert.deepEqual(parseFrom('2026-01-02T03:04:05Z'), { timeMs: Date.UTC(2026, 0, 2, 3, 4, 5) })
    assert.deepEqual(parseFrom('2026-01-02'), { timeMs: Date.UTC(2026, 0, 2) })
  })

  for (const text of ['yesterday', '-1', '1e3', '2026-13-01', '']) {
    it(`is not "${text}"`, () => {
      assert.throws(() => parseFrom(text), { code: 'CONFIG_INVALID' })
    })
  }
})

describe('what consume reads', () => {
  it('takes servers from flags before the environment', () => {
    const environment = { TRIBUTARY_BROKERS: 'env:9092', TRIBUTARY_REGISTRY: 'http://env' }
    const fromFlags = optionsOf('t --brokers a:1,b:2 --registry http://flag', environment)
    assert.deepEqual([fromFlags.kafka.brokers, fromFlags.registry?.url], [['a:1', 'b:2'], 'http://flag'])
    const fromEnvironment = optionsOf('t', environment)
    assert.deepEqual(
      [fromEnvironment.kafka.brokers, fromEnvironment.registry?.url],
      [['env:9092'], 'http://env'],
    )
  })

  it('needs no registry, for topics in JSON', () => {
    assert.equal(optionsOf('t --brokers a:1').registry, undefined)
    assert.equal(optionsOf('t --brokers a:1', { TRIBUTARY_REGISTRY: '' }).registry, undefined)
  })

  it('says what to name when no server is named', () => {
    assert.throws(() => optionsOf('t'), /name the servers: --config DIR, or --brokers/)
  })

  it('knows no other end than the end', () => {
    assert.throws(() => optionsOf('t --brokers a:1 --until tomorrow'), /--until knows "end" only/)
  })
})
