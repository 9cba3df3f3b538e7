import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningService, startService } from '../services/index.ts'
import { SCRAM_USERS } from '../services/kafka.ts'
import { freePorts } from '../services/ports.ts'
import { type Authority, createAuthority, type Identity } from './certificates.ts'

export const USER = 'alice'
export const PASSWORD = "k@fka;pass#word%/+'"

/** How long a login by SCRAM or token counts on the listener `reauth`; our client renews it 10 s before its end. */
export const LOGIN_LIFE_MS = 10_500

/** A Kafka whose certificate is for `localhost` and no other name. */
export interface SecureKafka extends AsyncDisposable {
  readonly server: RunningService
  readonly ca: Authority
  /** One that the listener `mutual` takes. */
  readonly client: Identity
  /** `PORT` by listener: TLS with certificates on both sides, TLS with a login, a login without TLS. */
  readonly ports: Readonly<Record<'mutual' | 'login' | 'reauth', number>>
  /** A file, removed at the end; returns its path. */
  file(name: string, text: string): string
}

const MECHANISMS = 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER'
const MODULES = 'org.apache.kafka.common.security'

export async function startSecureKafka(): Promise<SecureKafka> {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-secrets-'))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const ca = createAuthority('Tests of tributary')
  const own = ca.issue({ name: 'broker', hosts: ['localhost'] })
  const keystore = file('broker.pem', `${own.key}${own.cert}`)
  const truststore = file('ca.pem', ca.cert)
  const [mutual = 0, login = 0, reauth = 0] = await freePorts(3)
  const listeners = `MUTUAL://127.0.0.1:${mutual},LOGIN://127.0.0.1:${login},REAUTH://127.0.0.1:${reauth}`
  const server = await startService('kafka', {
    settings: {
      listeners,
      'advertised.listeners': listeners.replaceAll('127.0.0.1', 'localhost'),
      'listener.security.protocol.map': 'MUTUAL:SSL,LOGIN:SASL_SSL,REAUTH:SASL_PLAINTEXT',
      ...tls('mutual', keystore, truststore),
      'listener.name.mutual.ssl.client.auth': 'required',
      ...tls('login', keystore, truststore),
      ...logins('login'),
      ...logins('reauth'),
      ...Object.fromEntries(
        ['scram-sha-256', 'oauthbearer'].map(mechanism => [
          `listener.name.reauth.${mechanism}.connections.max.reauth.ms`,
          `${LOGIN_LIFE_MS}`,
        ]),
      ),
      [SCRAM_USERS]: ['256', '512']
        .map(bits => `SCRAM-SHA-${bits}=[name=${USER},password=${PASSWORD}]`)
        .join('\n'),
    },
  })
  return {
    server,
    ca,
    client: ca.issue({ name: 'client' }),
    ports: { mutual, login, reauth },
    file,
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

function tls(listener: string, keystore: string, truststore: string): Record<string, string> {
  const prefix = `listener.name.${listener}.ssl`
  return {
    [`${prefix}.keystore.type`]: 'PEM',
    [`${prefix}.keystore.location`]: keystore,
    [`${prefix}.truststore.type`]: 'PEM',
    [`${prefix}.truststore.location`]: truststore,
  }
}

function logins(listener: string): Record<string, string> {
  const prefix = `listener.name.${listener}`
  const scram = `${MODULES}.scram.ScramLoginModule required;`
  return {
    [`${prefix}.sasl.enabled.mechanisms`]: MECHANISMS,
    [`${prefix}.plain.sasl.jaas.config`]: `${MODULES}.plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
    [`${prefix}.scram-sha-256.sasl.jaas.config`]: scram,
    [`${prefix}.scram-sha-512.sasl.jaas.config`]: scram,
    [`${prefix}.oauthbearer.sasl.jaas.config`]: `${MODULES}.oauthbearer.OAuthBearerLoginModule required;`,
    [`${prefix}.oauthbearer.sasl.server.callback.handler.class`]: `${MODULES}.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler`,
  }
}

/** A token that this Kafka takes: it believes what is in it, and looks at its end only. */
export function unsignedToken(lifeSeconds: number): string {
  const now = Math.floor(Date.now() / 1000)
  const parts = [{ alg: 'none' }, { sub: USER, iat: now - 1, exp: now + lifeSeconds }]
  return `${parts.map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
}
