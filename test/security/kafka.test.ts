import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer } from 'node:tls'
import { type KafkaSettings, kafkaSettings } from '../../core/config/settings.ts'
import { checkKafka } from '../../core/sinks/kafka/check.ts'
import { type CommittedRecord, readCommitted } from '../../core/sinks/kafka/reader.ts'
import { createKafkaSink } from '../../core/sinks/kafka/sink.ts'
import { KafkaTopics } from '../../core/sinks/kafka/topics.ts'
import { parts, textRecord } from '../sinks/kafka/harness.ts'
import { createAuthority } from '../support/certificates.ts'
import {
  LOGIN_LIFE_MS,
  PASSWORD,
  type SecureKafka,
  startSecureKafka,
  USER,
  unsignedToken,
} from '../support/secure-kafka.ts'
import { serveTokens, type TokenServer } from '../support/token-server.ts'
import { until } from '../support/until.ts'

const CLIENT = { clientId: 'tributary', clientSecret: 'the-client-secret' }
const TOKEN_LIFE_SECONDS = Math.ceil(LOGIN_LIFE_MS / 1000)

const check = (kafka: KafkaSettings) => {
  const connector = `t-${randomUUID()}`
  return checkKafka({
    ...parts,
    kafka,
    connector,
    topicPrefix: connector,
    checkpointTopic: `${connector}.checkpoint`,
    partitions: 1,
    delivery: 'exactly-once',
    signal: new AbortController().signal,
  })
}

/** Makes topics and a sink with these settings. */
async function publisher(kafka: KafkaSettings) {
  const connector = `t-${randomUUID()}`
  const topics = new KafkaTopics({ ...parts, kafka, partitions: 1, replication: 1 })
  const topic = `${connector}.a`
  await topics.ensureTopic(topic)
  const checkpointTopic = `${connector}.checkpoint`
  const sink = createKafkaSink({
    ...parts,
    kafka,
    connector,
    checkpointTopic,
    delivery: 'exactly-once',
    topics,
  })
  const close = async () => {
    await sink.close()
    topics.close()
  }
  return { sink, topic, close }
}

async function roundTrip(kafka: KafkaSettings): Promise<void> {
  assert.deepEqual(
    (await check(kafka)).filter(({ severity }) => severity === 'failure'),
    [],
  )
  const { sink, topic, close } = await publisher(kafka)
  try {
    await sink.open()
    await sink.write([textRecord(topic, 'v')], { stream: { position: '1', epoch: 1 } })
    // The markers that let readers see a transaction come a little after its commit.
    await until('the record is read', async () => (await readAll(kafka, topic)).length === 1)
  } finally {
    await close()
  }
}

async function readAll(kafka: KafkaSettings, topic: string): Promise<CommittedRecord[]> {
  const signal = AbortSignal.timeout(60_000)
  const records: CommittedRecord[] = []
  const batches = readCommitted({
    ...parts,
    kafka,
    topics: [topic],
    from: 'beginning',
    until: 'end',
    signal,
  })
  for await (const batch of batches) records.push(...batch)
  signal.throwIfAborted()
  return records
}

describe('Kafka with TLS and logins', () => {
  let kafka: SecureKafka
  let tokens: TokenServer
  before(async () => {
    kafka = await startSecureKafka()
    tokens = await serveTokens({
      ...CLIENT,
      lifeSeconds: TOKEN_LIFE_SECONDS,
      token: () => unsignedToken(TOKEN_LIFE_SECONDS),
      identity: kafka.ca.issue({ name: 'tokens', hosts: ['localhost'] }),
    })
  })
  after(async () => {
    await tokens[Symbol.asyncDispose]()
    await kafka[Symbol.asyncDispose]()
  })

  type Listener = keyof SecureKafka['ports']
  /** As they would come out of a file. */
  const settings = (listener: Listener, rest: object, host = 'localhost'): KafkaSettings =>
    kafkaSettings.parse({ brokers: [`${host}:${kafka.ports[listener]}`], ...rest })
  const trust = () => ({ ca: kafka.ca.cert })
  const password = (mechanism: string) => ({ mechanism, username: USER, password: PASSWORD })
  const credentials = () => ({ tokenUrl: tokens.url, tokenCa: kafka.ca.cert, ...CLIENT })
  const bearer = (rest: object) => ({ mechanism: 'oauthbearer', ...rest })

  const WAYS: readonly [string, () => KafkaSettings][] = [
    [
      'certificates on both sides',
      () => settings('mutual', { tls: { ...trust(), cert: kafka.client.cert, key: kafka.client.key } }),
    ],
    [
      'a certificate whose key is locked',
      () =>
        settings('mutual', {
          tls: {
            ...trust(),
            cert: kafka.client.cert,
            key: kafka.client.encryptedKey('open'),
            passphrase: 'open',
          },
        }),
    ],
    ['PLAIN', () => settings('login', { tls: trust(), sasl: password('plain') })],
    ['SCRAM-SHA-256', () => settings('login', { tls: trust(), sasl: password('scram-sha-256') })],
    ['SCRAM-SHA-512', () => settings('login', { tls: trust(), sasl: password('scram-sha-512') })],
    ['SCRAM without TLS', () => settings('reauth', { sasl: password('scram-sha-512') })],
    [
      'a certificate under another name',
      () =>
        settings(
          'login',
          { tls: { ...trust(), servername: 'localhost' }, sasl: password('plain') },
          '127.0.0.1',
        ),
    ],
    ['a token', () => settings('login', { tls: trust(), sasl: bearer({ token: unsignedToken(600) }) })],
    [
      'a token in a file',
      () =>
        settings('login', {
          tls: trust(),
          sasl: bearer({ tokenFile: kafka.file('token', `${unsignedToken(600)}\n`) }),
        }),
    ],
    [
      'client credentials',
      () =>
        settings('login', {
          tls: trust(),
          sasl: bearer({ ...credentials(), extensions: { traceId: 'a b' } }),
        }),
    ],
  ]
  for (const [way, kafkaOf] of WAYS) {
    it(`is checked, written and read with ${way}`, () => roundTrip(kafkaOf()))
  }

  it('is refused, once and with the setting to mend, for whatever is wrong of certificates and logins', async () => {
    const foreign = createAuthority('Somebody')
    const identity = foreign.issue({ name: 'client' })
    const ours = { cert: kafka.client.cert, key: kafka.client.key }
    const theirs = { cert: identity.cert, key: identity.key }
    const wrong = (mechanism: string) => ({ ...password(mechanism), password: `${PASSWORD}x` })
    const secured = (sasl: object) => settings('login', { tls: trust(), sasl })
    const cases: readonly [KafkaSettings, RegExp][] = [
      [settings('login', { tls: true, sasl: password('plain') }), /not trusted here.*kafka\.tls\.ca/],
      [
        settings('login', { tls: { ca: foreign.cert }, sasl: password('plain') }),
        /not trusted here.*kafka\.tls\.ca/,
      ],
      [
        settings('login', { tls: trust(), sasl: password('plain') }, '127.0.0.1'),
        /for other names: .*kafka\.tls\.servername/,
      ],
      [settings('mutual', { tls: trust() }), /certificate.*kafka\.tls\.cert/],
      [settings('mutual', { tls: { ...trust(), ...theirs } }), /certificate.*kafka\.tls\.cert/],
      [settings('login', { sasl: password('plain') }), /this port speaks TLS, and kafka\.tls is not set/],
      [
        settings('mutual', { tls: { ...trust(), ...ours }, sasl: password('plain') }),
        /takes no login.*kafka\.sasl/,
      ],
      ...['plain', 'scram-sha-256', 'scram-sha-512'].map(
        mechanism => [secured(wrong(mechanism)), /SASL.*fail.*kafka\.sasl/i] as [KafkaSettings, RegExp],
      ),
      [secured({ ...password('plain'), username: 'nobody' }), /SASL.*fail.*kafka\.sasl/i],
      [secured(bearer({ token: 'no.to.ken' })), /(token|SASL).*kafka\.sasl/i],
      [secured(bearer({ token: unsignedToken(-600) })), /(token|SASL).*kafka\.sasl/i],
      [
        secured(bearer({ tokenFile: '/nowhere/token' })),
        /\/nowhere\/token cannot be read \(ENOENT\).*kafka\.sasl/,
      ],
      [
        secured(bearer({ ...credentials(), clientSecret: 'wrong-secret' })),
        /gives client tributary no token \(401 invalid_client\).*kafka\.sasl/,
      ],
      [secured(bearer({ ...credentials(), tokenCa: foreign.cert })), /no token from .*not trusted here/],
    ]
    const secrets = [PASSWORD, 'PRIVATE KEY', 'wrong-secret', CLIENT.clientSecret, 'no.to.ken', 'eyJ']
    await Promise.all(
      cases.map(async ([kafka, message], index) => {
        const [finding, ...more] = await check(kafka)
        const told = `case ${index}: ${finding?.message}`
        assert.deepEqual([finding?.severity, finding?.isAbsent, more], ['failure', false, []], told)
        assert.match(finding?.message ?? '', message, told)
        for (const secret of secrets) assert.ok(!told.includes(secret), `case ${index} shows a secret`)
      }),
    )
  })

  it('is refused with a certificate that has expired', async () => {
    const identity = kafka.ca.issue({ name: 'broker', hosts: ['localhost'], isExpired: true })
    const server = createServer({ cert: identity.cert, key: identity.key })
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const brokers = [`localhost:${(server.address() as AddressInfo).port}`]
    const [finding] = await check(kafkaSettings.parse({ brokers, tls: trust() }))
    assert.equal(finding?.isAbsent, false)
    assert.match(finding?.message ?? '', /certificate that has expired .*mended on the broker/)
    await new Promise(resolve => server.close(resolve))
  })

  it('is waited for where it is away or closes the connection, and told what may be wrong', async () => {
    const cases: readonly [KafkaSettings, RegExp][] = [
      [
        kafkaSettings.parse({ brokers: [kafka.server.url], tls: true }),
        /before TLS began.*kafka\.brokers, and kafka\.tls/,
      ],
      [kafkaSettings.parse({ brokers: ['[::1]:1'] }), /E[A-Z]+ ::1:1/],
      [settings('login', { tls: trust() }), /Closed connection.*wants TLS or a login/],
      [
        settings('login', {
          tls: trust(),
          sasl: bearer({ ...credentials(), tokenUrl: 'http://127.0.0.1:1/t' }),
        }),
        /no token from http:\/\/127\.0\.0\.1:1\/t: .*ECONNREFUSED/,
      ],
    ]
    await Promise.all(
      cases.map(async ([kafka, message]) => {
        const [finding] = await check(kafka)
        assert.equal(finding?.isAbsent, true, finding?.message)
        assert.match(`${finding?.message} ${finding?.fix}`, message)
      }),
    )
  })

  it('stops a worker whose password was changed', async () => {
    const wrong = settings('reauth', { sasl: { ...password('plain'), password: 'old' } })
    await assert.rejects(publisher(wrong), { code: 'KAFKA_REFUSED' })
  })

  describe('when a login counts for a while only', { concurrency: true }, () => {
    /** Longer than a login counts, in writes of one transaction each, with a reader that never stops. */
    async function writeOn(kafka: KafkaSettings): Promise<void> {
      const { sink, topic, close } = await publisher(kafka)
      const stop = new AbortController()
      const seen: string[] = []
      const reading = (async () => {
        const options = { ...parts, kafka, topics: [topic], signal: stop.signal }
        for await (const batch of readCommitted({ ...options, from: 'beginning', until: 'never' })) {
          seen.push(...batch.map(({ value }) => String(value)))
        }
      })()
      const written: string[] = []
      try {
        await sink.open()
        const end = performance.now() + LOGIN_LIFE_MS * 1.3
        while (performance.now() < end) {
          const value = String(written.length)
          await sink.write([textRecord(topic, value)], { stream: { position: value, epoch: 1 } })
          written.push(value)
          await sleep(20)
        }
        await until('all is read', () => seen.length >= written.length)
        assert.deepEqual(seen, written)
      } finally {
        stop.abort()
        await reading
        await close()
      }
    }

    it('a password is shown again on the same connection, and nothing is lost', () =>
      writeOn(settings('reauth', { sasl: password('scram-sha-256') })))

    it('a new token is asked for before the old one ends, and nothing is lost', async () => {
      const before = tokens.issued
      await writeOn(settings('reauth', { sasl: bearer(credentials()) }))
      const asked = tokens.issued - before
      assert.ok(asked >= 2 && asked < 20, `${asked} tokens`)
    })

    it('a token is read from its file again, where somebody has put another', async () => {
      // The first has ended before the test has.
      const tokenFile = kafka.file('rotated', unsignedToken(TOKEN_LIFE_SECONDS))
      const writing = writeOn(settings('reauth', { sasl: bearer({ tokenFile }) }))
      await sleep(1000)
      kafka.file('rotated', unsignedToken(600))
      await writing
    })
  })
})
