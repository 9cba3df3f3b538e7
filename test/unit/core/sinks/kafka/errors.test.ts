import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ErrorCode } from '../../../../../core/errors.ts'
import { TributaryError } from '../../../../../core/errors.ts'
import { isClosedWithoutWord, isKafkaError, toKafkaError } from '../../../../../core/sinks/kafka/errors.ts'

/** As the client makes them: a name, Kafka's type or the system's code, and what they wrap. */
const thrown = (facts: object, cause?: unknown) =>
  Object.assign(new Error('what happened', cause === undefined ? {} : { cause }), facts)

describe('errors of Kafka', () => {
  const cases: readonly [ErrorCode, object][] = [
    ['KAFKA_UNREACHABLE', { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' }],
    ['KAFKA_UNREACHABLE', { name: 'KafkaJSRequestTimeoutError' }],
    ['KAFKA_UNREACHABLE', { name: 'KafkaJSProtocolError', type: 'NOT_ENOUGH_REPLICAS' }],
    ['KAFKA_REFUSED', { name: 'KafkaJSSASLAuthenticationError' }],
    ['KAFKA_REFUSED', { type: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED' }],
    ['KAFKA_REFUSED', { name: 'KafkaJSConnectionError', code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }],
    ['KAFKA_REFUSED', { name: 'KafkaJSConnectionError', code: 'CERT_HAS_EXPIRED' }],
    ['KAFKA_REFUSED', { name: 'KafkaJSConnectionError', code: 'ERR_SSL_WRONG_VERSION_NUMBER' }],
    ['KAFKA_REFUSED', { name: 'KafkaJSConnectionError', code: 'TLS_EXPECTED' }],
    ['KAFKA_UNREACHABLE', { name: 'KafkaJSProtocolError', type: 'ILLEGAL_SASL_STATE' }],
    ['FENCED', { type: 'INVALID_PRODUCER_EPOCH' }],
    ['RECORD_TOO_LARGE', { type: 'MESSAGE_TOO_LARGE' }],
    ['KAFKA_TOPIC_UNSUITABLE', { type: 'INVALID_REPLICATION_FACTOR' }],
    ['KAFKA_TOPIC_UNSUITABLE', { type: 'INVALID_RECORD' }],
    ['KAFKA_WRITE_FAILED', { type: 'INVALID_PRODUCER_ID_MAPPING' }],
    ['KAFKA_WRITE_FAILED', { type: 'OUT_OF_ORDER_SEQUENCE_NUMBER' }],
    ['KAFKA_WRITE_FAILED', {}],
  ]
  for (const [code, facts] of cases) {
    const what = Object.values(facts).join(' ') || 'nothing known'
    it(`become ${code} for ${what}, however deep it is wrapped`, () => {
      const inner = thrown(facts)
      const wraps = [
        inner,
        thrown({ name: 'KafkaJSNonRetriableError' }, inner),
        thrown({ name: 'KafkaJSNumberOfRetriesExceeded' }, thrown({}, inner)),
        thrown({ name: 'KafkaJSAggregateError', errors: [inner] }),
      ]
      for (const wrap of wraps) {
        const error = toKafkaError(wrap, 'writing')
        assert.equal(error.code, code)
        assert.equal(error.cause, wrap)
      }
    })
  }

  it('say what was done and what Kafka called it', () => {
    const error = toKafkaError(thrown({}, thrown({ type: 'INVALID_CONFIG' })), 'topic orders')
    assert.equal(error.message, 'topic orders: INVALID_CONFIG (what happened)')
  })

  it('leave errors of ours alone', () => {
    const ours = new TributaryError('FENCED', 'taken over')
    assert.equal(toKafkaError(ours, 'writing'), ours)
  })

  it('keep the code that an error of ours has within what the client made of it', () => {
    const ours = new TributaryError('KAFKA_REFUSED', 'login: no token')
    const error = toKafkaError(thrown({ name: 'KafkaJSNonRetriableError' }, ours), 'kafka')
    assert.deepEqual([error.code, error.message], ['KAFKA_REFUSED', 'kafka: login: no token'])
  })

  it('name the setting that mends what is wrong of TLS and logins', () => {
    const told = (facts: object) => toKafkaError(thrown(facts), 'kafka').message
    assert.match(told({ code: 'SELF_SIGNED_CERT_IN_CHAIN' }), /kafka\.tls\.ca/)
    assert.match(told({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), /kafka\.tls\.servername/)
    assert.match(told({ code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }), /kafka\.tls\.cert/)
    assert.match(told({ name: 'KafkaJSSASLAuthenticationError' }), /kafka\.sasl/)
    assert.match(told({ type: 'ILLEGAL_SASL_STATE' }), /takes no login/)
    assert.equal(isClosedWithoutWord(thrown({}, thrown({ name: 'KafkaJSConnectionClosedError' }))), true)
    assert.equal(isClosedWithoutWord(thrown({ name: 'KafkaJSConnectionError' })), false)
  })

  it('are found by their type through what wraps them', () => {
    const error = toKafkaError(thrown({}, thrown({ type: 'CONCURRENT_TRANSACTIONS' })), 'opening')
    assert.ok(isKafkaError(error, 'CONCURRENT_TRANSACTIONS'))
    assert.ok(!isKafkaError(error, 'INVALID_CONFIG'))
    assert.ok(!isKafkaError(undefined, 'INVALID_CONFIG'))
  })
})
