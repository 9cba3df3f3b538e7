import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { service } from '../services/index.ts'
import { withClient } from '../support/audited-shop.ts'
import { createAuthority } from '../support/certificates.ts'
import { type CliOptions, type Ended, tributary } from '../support/cli.ts'
import { type RegistryProxy, startRegistryProxy } from '../support/registry-proxy.ts'
import {
  PASSWORD as KAFKA_PASSWORD,
  type SecureKafka,
  startSecureKafka,
  USER,
} from '../support/secure-kafka.ts'
import {
  PASSWORD as POSTGRES_PASSWORD,
  type SecurePostgres,
  startSecurePostgres,
} from '../support/secure-postgres.ts'
import { until } from '../support/until.ts'
import { configFolder, startWorker } from '../support/worker.ts'

const TOKEN = `token-${randomBytes(16).toString('hex')}`
const NAME = 'secured'

/** What can be wrong, one at a time. Texts are put into files, as secrets are. */
interface Pieces {
  readonly host: string
  readonly postgresPassword: string
  readonly postgresCa: string
  readonly kafkaPassword: string
  readonly kafkaCa: string
  readonly token: string
  readonly registryCa: string
}

describe('a worker whose servers all want TLS and a login', () => {
  let pg: SecurePostgres
  let kafka: SecureKafka
  let registry: RegistryProxy
  const registryCa = createAuthority('Of the registry')
  const foreign = createAuthority('Somebody')
  /** Everything that a process has written. */
  const written: string[] = []

  before(async () => {
    const identity = registryCa.issue({ name: 'registry', hosts: ['localhost'] })
    const target = (await service('registry')).url
    ;[pg, kafka, registry] = await Promise.all([
      startSecurePostgres('postgres15'),
      startSecureKafka(),
      startRegistryProxy({ target, identity, allows: header => header === `Bearer ${TOKEN}` }),
    ])
    await withClient(pg.server.url, client =>
      client.query('create table secured (id int primary key, v text); insert into secured values (0)'),
    )
  })
  after(() => Promise.all([pg, kafka, registry].map(server => server[Symbol.asyncDispose]())))

  const right = (): Pieces => ({
    host: 'localhost',
    postgresPassword: POSTGRES_PASSWORD,
    postgresCa: pg.ca.cert,
    kafkaPassword: KAFKA_PASSWORD,
    kafkaCa: kafka.ca.cert,
    token: TOKEN,
    registryCa: registryCa.cert,
  })

  function configOf(own: Partial<Pieces> = {}, source?: string) {
    const pieces = { ...right(), ...own }
    const secret = (name: keyof Pieces) => `"\${file:${pg.file(pieces[name])}}"`
    return configFolder({
      'worker.yaml': `
kafka:
  brokers: ["localhost:${kafka.ports.login}"]
  tls: { ca: ${secret('kafkaCa')} }
  sasl: { mechanism: scram-sha-512, username: ${USER}, password: ${secret('kafkaPassword')} }
registry:
  url: ${registry.url}
  auth: { token: ${secret('token')} }
  tls: { ca: ${secret('registryCa')} }
http: { host: 127.0.0.1, port: "\${HTTP_PORT}" }
log: { level: trace }
`,
      [`${NAME}.yaml`]: `
name: ${NAME}
source:
  type: postgres
  tables: [public.secured]
  password: ${secret('postgresPassword')}
  ${source ?? `url: postgres://scram@${pieces.host}:${pg.port}/postgres?channel_binding=require\n  tls: { ca: ${secret('postgresCa')} }`}
`,
    })
  }

  async function run(words: readonly string[], env: CliOptions['env'] = {}): Promise<Ended> {
    const ended = await tributary(words, { env: { HTTP_PORT: '0', ...env } })
    written.push(...ended.lines, ended.said)
    return ended
  }

  it('is checked, brings a row through, and lets it be read', async () => {
    using folder = configOf()
    // A Kafka that was never asked for a transaction has no coordinator for the first one that asks: a warning.
    await until('the check finds nothing', async () => {
      const check = await run(['check', folder.path])
      assert.doesNotMatch(check.lines.join('\n'), /FAILURE/)
      return check.code === 0
    })
    await using worker = await startWorker(folder.path)
    await worker.ready()
    await withClient(pg.server.url, client => client.query("insert into secured values (1, 'through')"))
    await until('the row is published', async () => {
      const consumed = await run([
        'consume',
        `${NAME}.public.secured`,
        '--config',
        folder.path,
        '--until',
        'end',
      ])
      return consumed.code === 0 && consumed.lines.some(line => /id=1 .*through/.test(line))
    })
    for (const page of ['status', 'metrics', 'healthz', 'readyz']) {
      written.push(await (await fetch(`${worker.url}/${page}`)).text())
    }
    worker.signal('SIGTERM')
    assert.equal(await worker.ended(), 0)
    written.push(...worker.log.map(line => JSON.stringify(line)))
    assert.ok(
      worker.log.some(({ kafkajs }) => kafkajs !== undefined),
      'the client has said nothing',
    )
  })

  it('trusts the authorities of the system when told so', async () => {
    const url = pg.url('scram', 'localhost', { sslrootcert: 'system' })
    using folder = configOf({}, `url: ${JSON.stringify(url)}`)
    const trusted = await run(['check', folder.path], { SSL_CERT_FILE: pg.file(pg.ca.cert) })
    assert.equal(trusted.code, 0, trusted.lines.join('\n'))
    const untrusted = await run(['check', folder.path], { SSL_CERT_FILE: pg.file(foreign.cert) })
    assert.equal(untrusted.code, 2)
    assert.match(untrusted.lines.join('\n'), /FAILURE +source .*not trusted here/)
  })

  it('is told by check of all that is wrong at once, each with the setting to mend', async () => {
    const cases: readonly [Partial<Pieces>, readonly RegExp[]][] = [
      [
        { postgresPassword: 'other-1', kafkaPassword: 'other-2', token: 'other-3' },
        [/SOURCE_ACCESS_DENIED.*password in source\.url/, /SASL.*kafka\.sasl/, /401.*registry\.auth/],
      ],
      [
        { postgresCa: foreign.cert, kafkaCa: foreign.cert, registryCa: foreign.cert },
        [
          /not trusted here.*source\.tls\.ca/,
          /not trusted here.*kafka\.tls\.ca/,
          /not trusted here.*registry\.tls\.ca/,
        ],
      ],
      [{ host: '127.0.0.1' }, [/SOURCE_ACCESS_DENIED.*other names.*source\.url/]],
    ]
    for (const [own, messages] of cases) {
      using folder = configOf(own)
      const { code, lines } = await run(['check', folder.path])
      assert.equal(code, 2)
      const failures = lines.filter(line => /FAILURE/.test(line)).join('\n')
      for (const message of messages) assert.match(failures, message)
    }
  })

  it('does not run with a wrong password or token: it stops, and says what to mend', async () => {
    const cases: readonly [Partial<Pieces>, string, RegExp, exitCode: number][] = [
      [{ postgresPassword: 'other-1' }, 'SOURCE_ACCESS_DENIED', /password in source\.url/, 1],
      [{ kafkaPassword: 'other-2' }, 'CHECK_FAILED', /SASL.*kafka\.sasl/, 2],
      [{ token: 'other-3' }, 'CHECK_FAILED', /401.*registry\.auth/, 2],
    ]
    for (const [own, code, message, exitCode] of cases) {
      using folder = configOf(own)
      const ended = await run(['run', folder.path])
      const failed = ended.lines.map(line => JSON.parse(line)).find(({ msg }) => msg === 'connector failed')
      assert.deepEqual([failed?.code, ended.code], [code, exitCode])
      assert.match(failed?.error, message)
    }
  })

  it('has written none of the secrets anywhere', () => {
    const texts = written.join('\n')
    assert.match(texts, /worker started/)
    const secrets = [POSTGRES_PASSWORD, KAFKA_PASSWORD, TOKEN, 'other-1', 'other-2', 'other-3', 'PRIVATE KEY']
    for (const secret of secrets) {
      for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
        assert.ok(!texts.includes(form), `a secret is shown: ${secret.slice(0, 3)}...`)
      }
      assert.ok(!texts.includes(Buffer.from(secret).toString('base64')))
    }
  })
})
