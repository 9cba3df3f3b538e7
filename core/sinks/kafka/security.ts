import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { TributaryError } from '../../errors.ts'
import { type TokenSettings, tokenSource } from '../../net/token.ts'

// TLS and logins, as the Kafka client takes them.

export interface TlsSettings {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly passphrase?: string | undefined
  readonly rejectUnauthorized?: boolean | undefined
  readonly servername?: string | undefined
}

export interface SaslSettings extends TokenSettings {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512' | 'oauthbearer'
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** For `oauthbearer`: what some services want to know beside the token. */
  readonly extensions?: Readonly<Record<string, string>> | undefined
}

/** One step of a login, as the client takes it: bytes with their length before them, both ways. */
export interface LoginStep {
  readonly request: { encode(): Promise<Buffer> }
  readonly response: { decode(bytes: Buffer): Promise<Buffer>; parse(bytes: Buffer): Promise<string> }
}

export interface LoginProvider {
  readonly mechanism: string
  readonly authenticationProvider: (args: {
    saslAuthenticate: (step: LoginStep) => Promise<string | undefined>
  }) => { authenticate(): Promise<void> }
}

export function tlsOptions(tls: boolean | TlsSettings | undefined): ConnectionOptions | boolean {
  if (tls === undefined || typeof tls === 'boolean') return tls ?? false
  return Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))
}

const SEPARATOR = '\u0001'

/**
 * The mechanism of RFC 7628 with KIP-255's additions. The client's own takes no notice of a refusal: the broker puts
 * it into an answer that looks like success, and then waits for one byte before it says so.
 */
export function tokenLogin(settings: SaslSettings): LoginProvider {
  const source = tokenSource(settings)
  return {
    mechanism: 'oauthbearer',
    authenticationProvider: ({ saslAuthenticate }) => ({
      authenticate: async () => {
        const answer = await source.get()
        if ('failure' in answer) throw loginFailure(answer)
        const extensions = Object.entries(settings.extensions ?? {}).map(
          ([name, value]) => `${name}=${value}`,
        )
        const fields = [`auth=Bearer ${answer.token}`, ...extensions]
        const message = `n,,${SEPARATOR}${fields.join(SEPARATOR)}${SEPARATOR}${SEPARATOR}`
        const refusal = await saslAuthenticate(step(message))
        if (!refusal) return
        const isNew = source.isNew(answer.token)
        if (source.renew(answer.token) && !isNew) {
          throw loginFailure({ failure: 'the broker refuses a token that is replaced now', isPassing: true })
        }
        // Rejects with what the broker says; if it says nothing, this was a refusal all the same.
        await saslAuthenticate(step(SEPARATOR))
        throw loginFailure({ failure: 'the broker refuses the token', isPassing: false })
      },
    }),
  }
}

/** Not to be tried again by the client: it would do so in vain, or in our place. */
function loginFailure({ failure, isPassing }: { failure: string; isPassing: boolean }): TributaryError {
  const code = isPassing ? 'KAFKA_UNREACHABLE' : 'KAFKA_REFUSED'
  return Object.assign(new TributaryError(code, `login: ${failure}. See kafka.sasl.`), { retriable: false })
}

function step(message: string): LoginStep {
  return {
    request: {
      encode: async () => {
        const bytes = Buffer.from(message)
        const length = Buffer.alloc(4)
        length.writeInt32BE(bytes.length)
        return Buffer.concat([length, bytes])
      },
    },
    response: { decode: async bytes => bytes.subarray(4), parse: async bytes => bytes.toString('utf8') },
  }
}

/** The error's code when a broker that speaks TLS is spoken to without. */
export const TLS_EXPECTED = 'TLS_EXPECTED'

/**
 * A broker's TLS port answers other bytes with an alert (RFC 8446, section 6: type 21, version 3). The client would take
 * it for the length of an answer of 350 MB and wait for the rest.
 */
export function refuseAlerts(socket: Socket): void {
  socket.once('data', (bytes: Buffer) => {
    if (bytes[0] !== 21 || bytes[1] !== 3) return
    const error = new Error('this port speaks TLS, and kafka.tls is not set')
    socket.destroy(Object.assign(error, { code: TLS_EXPECTED }))
  })
}

/** `[::1]:9092`: the client cuts at the first colon, so an address's own are written otherwise until it dials. */
export const seedOf = (broker: string): string =>
  broker.replace(/^\[(.*)\](?=:\d+$)/, (_, address: string) => `[${address.replaceAll(':', '_')}]`)

export const hostOf = (seed: string): string =>
  seed.replace(/^\[(.*)\]$/, (_, text: string) => text.replaceAll('_', ':'))
