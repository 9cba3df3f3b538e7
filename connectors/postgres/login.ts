import type { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import { TributaryError } from '../../core/errors.ts'
import { type Address, addressOf } from './dial.ts'
import { type Encryption, encryptionOf, type TlsSettings } from './encryption.ts'

/** Where to log in, as whom, and how the link is secured. */
export interface Login {
  readonly url: string
  /** Wins over the one in the URL. */
  readonly password?: string | undefined
  readonly tls?: TlsSettings | undefined
  /** Begins every message. */
  readonly where: string
}

export function hasPasswordIn({ url, password: own }: Login): boolean {
  const { password, searchParams } = new URL(url)
  return own !== undefined || password !== '' || (searchParams.get('password') ?? '') !== ''
}

export const addressIn = (login: Login): Address => addressOf(login.url, encryptionOf(login), login.where)

/** What the driver tells while it logs in ("Start-up", protocol-flow). */
export type LoginEvents = Pick<EventEmitter, 'on'> & { readonly stream: Duplex }

export interface LoginRules {
  readonly hasPassword: boolean
  readonly channelBinding: Encryption['channelBinding']
  readonly isEncrypted: boolean
  readonly where: string
}

const BOUND = 'SCRAM-SHA-256-PLUS'

/**
 * Ends a login that the driver would go through with although the settings forbid it. To be called before the driver
 * listens: it sends nothing on a socket that is destroyed.
 */
export function watchLogin(
  connection: LoginEvents,
  { hasPassword, channelBinding, isEncrypted, where }: LoginRules,
): void {
  let isBound = false
  const refuse = (what: string) =>
    connection.stream.destroy(new TributaryError('SOURCE_ACCESS_DENIED', `${where}: ${what}`))
  const askedForPassword = (isBindable: boolean) => {
    if (!hasPassword) refuse('the server asks for a password, and source.url has none.')
    else if (channelBinding === 'require' && !isBindable) {
      refuse('channel_binding=require, and the server offers no login that is tied to its certificate.')
    }
  }
  connection.on('authenticationCleartextPassword', () => askedForPassword(false))
  connection.on('authenticationMD5Password', () => askedForPassword(false))
  // Who stands between refuses TLS and offers what needs it all the same: the driver would log in without.
  connection.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) =>
    askedForPassword(isEncrypted && mechanisms.includes(BOUND)),
  )
  connection.on('authenticationSASLFinal', () => {
    isBound = true
  })
  connection.on('authenticationOk', () => {
    if (channelBinding === 'require' && !isBound)
      refuse('channel_binding=require, and the server asked for no such login.')
  })
}

/** The driver's own errors of a login have no code; none of them passes by itself, and none quotes the password. */
export function asLoginError(thrown: unknown, where: string): unknown {
  if (!(thrown instanceof Error) || !/^SASL/.test(thrown.message)) return thrown
  const isForeign = /server signature/.test(thrown.message)
  const advice = isForeign ? ' It does not know the password itself: is it the right server?' : ''
  return new TributaryError('SOURCE_ACCESS_DENIED', `${where}: ${thrown.message}.${advice}`, {
    cause: thrown,
  })
}

/** What to mend, where the server's own words do not name a setting of ours. */
export function loginAdvice(said: string, { mode, called }: Encryption): string {
  if (/password authentication failed/.test(said)) return ' See user and password in source.url.'
  if (/certificate/i.test(said)) return ` See ${called.cert} and ${called.key}.`
  if (!/no pg_hba\.conf entry|pg_hba\.conf rejects/.test(said)) return ''
  if (mode === 'disable' && /no encryption|SSL off/.test(said)) {
    return ` If it lets in encrypted connections only, set ${called.mode} to verify-full and ${called.ca}.`
  }
  return ' Add such an entry there.'
}
