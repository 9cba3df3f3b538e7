import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { connect as connectTls } from 'node:tls'
import { Client } from 'pg'
import { type RunningService, startService } from '../services/index.ts'
import { type Authority, createAuthority, type Identity } from './certificates.ts'
import { until } from './until.ts'

/** Everything that a URL would take for its own. */
export const PASSWORD = 'p@ss:w/rd?#%25&=+ "ü\\\''

/** Who may log in, and how. */
const LOGINS = `
host      all  postgres    127.0.0.1/32  trust
hostssl   all  tls_only    127.0.0.1/32  scram-sha-256
hostnossl all  plain_only  127.0.0.1/32  scram-sha-256
host      all  scram       127.0.0.1/32  scram-sha-256
host      all  md5         127.0.0.1/32  md5
host      all  clear       127.0.0.1/32  password
hostssl   all  certified   127.0.0.1/32  cert
hostssl   all  twofold     127.0.0.1/32  scram-sha-256 clientcert=verify-ca
`
const ROLES = ['tls_only', 'plain_only', 'scram', 'clear', 'certified', 'twofold']

/** A Postgres with TLS, whose certificate is for `localhost` and no other name. */
export interface SecurePostgres extends AsyncDisposable {
  readonly server: RunningService
  readonly port: number
  readonly ca: Authority
  readonly cert: Identity
  /** Certificates of ours that the server takes (the role is `certified`), and one that it has revoked. */
  readonly client: Identity
  readonly revoked: Identity
  url(user: string, host: string, parameters?: Readonly<Record<string, string>>): string
  /** The text in a file; returns its path. */
  file(text: string): string
  /** Serves another certificate from now on. */
  present(identity: Identity): Promise<void>
}

export async function startSecurePostgres(name: 'postgres15' | 'postgres18'): Promise<SecurePostgres> {
  const server = await startService(name)
  const folder = mkdtempSync(join(tmpdir(), 'tributary-secrets-'))
  const ca = createAuthority('Tests of tributary')
  const cert = ca.issue({ name: 'server', hosts: ['localhost'] })
  const client = ca.issue({ name: 'certified' })
  const revoked = ca.issue({ name: 'certified' })
  const port = Number(new URL(server.url).port)
  let files = 0
  const secure: SecurePostgres = {
    server,
    port,
    ca,
    cert,
    client,
    revoked,
    url: (user, host, parameters = {}) =>
      `postgres://${user}:${encodeURIComponent(PASSWORD)}@${host}:${port}/postgres?${new URLSearchParams(parameters)}`,
    file(text) {
      const path = join(folder, `${++files}.pem`)
      writeFileSync(path, text, { mode: 0o600 })
      return path
    },
    async present(identity) {
      serverFile(server, 'server.crt', identity.cert)
      serverFile(server, 'server.key', identity.key)
      await reload(server.url)
      await until('the certificate is served', async () => (await servedBy(port)) === identity.cert)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
  serverFile(server, 'root.crt', ca.cert)
  serverFile(server, 'root.crl', ca.revoke(revoked))
  serverFile(server, 'server.crt', cert.cert)
  serverFile(server, 'server.key', cert.key)
  serverFile(server, 'pg_hba.conf', LOGINS)
  await configure(server.url)
  await until('the certificate is served', async () => (await servedBy(port)) === cert.cert)
  return secure
}

/** Readable for nobody but the user that the server runs as: it refuses any other key. */
function serverFile({ dataDir }: RunningService, name: string, text: string): void {
  const path = join(dataDir, name)
  writeFileSync(path, text, { mode: 0o600 })
  const { uid, gid } = statSync(dataDir)
  chownSync(path, uid, gid)
}

async function configure(url: string): Promise<void> {
  await withClient(url, async client => {
    const password = client.escapeLiteral(PASSWORD)
    for (const role of ROLES) await client.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD ${password}`)
    await client.query('SET password_encryption = md5')
    await client.query(`CREATE ROLE md5 LOGIN SUPERUSER PASSWORD ${password}`)
    await client.query("ALTER SYSTEM SET ssl_ca_file = 'root.crt'")
    await client.query("ALTER SYSTEM SET ssl_crl_file = 'root.crl'")
    await client.query('ALTER SYSTEM SET ssl = on')
  })
  await reload(url)
}

const reload = (url: string) => withClient(url, client => client.query('SELECT pg_reload_conf()'))

async function withClient(url: string, use: (client: Client) => Promise<unknown>): Promise<void> {
  const client = new Client(url)
  await client.connect()
  try {
    await use(client)
  } finally {
    await client.end()
  }
}

/** The certificate that the server shows, PEM; empty while it speaks no TLS. */
async function servedBy(port: number): Promise<string> {
  const client = new Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    ssl: { rejectUnauthorized: false },
  })
  try {
    await client.connect()
    const { stream } = (client as unknown as { connection: { stream: ReturnType<typeof connectTls> } })
      .connection
    const { raw } = stream.getPeerCertificate()
    await client.end()
    return `-----BEGIN CERTIFICATE-----\n${raw.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`
  } catch {
    return ''
  }
}
