import { readFileSync } from 'node:fs'
import { type Clock, systemClock } from '../clock.ts'
import { HttpClient } from './http.ts'
import { tlsFailure } from './tls.ts'

// Bearer tokens (RFC 6750): given, read from a file that somebody renews, or asked for (RFC 6749, section 4.4).

/** One of `token`, `tokenFile` and `tokenUrl`; the others go with the last. */
export interface TokenSettings {
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly tokenUrl?: string | undefined
  readonly clientId?: string | undefined
  readonly clientSecret?: string | undefined
  readonly scope?: string | undefined
  /** Authorities that sign for `tokenUrl`, PEM. */
  readonly tokenCa?: string | undefined
}

interface ClientCredentials {
  readonly tokenUrl: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string | undefined
  readonly tokenCa: string | undefined
}

/** `failure` is a sentence without its point, which holds no secret; a passing one may be over at the next try. */
export type TokenAnswer =
  | { readonly token: string }
  | { readonly failure: string; readonly isPassing: boolean }

export interface TokenSource {
  /** A token that is good for a while. */
  get(): Promise<TokenAnswer>
  /** A server did not take this one: the next is another. False: there will be no other. */
  renew(refused: string): boolean
  /** Whether this one was made just now, so that another will hardly do better. */
  isNew(token: string): boolean
}

const TIMEOUT_MS = 10_000
/** So long before its end a token is replaced; of a short life, half of it. Logins are renewed 10 s before the end. */
const SPARE_MS = 60_000
/** At this age a token is not refused for its age. */
const NEW_MS = 10_000
/** What can stand in a header, and never ends a line. */
const TOKEN = /^[\x21-\x7e]+$/

const sources = new WeakMap<TokenSettings, TokenSource>()

/** One for all that log in with the same settings, so that a token is asked for once and not by every connection. */
export function tokenSource(settings: TokenSettings, clock: Clock = systemClock): TokenSource {
  const known = sources.get(settings)
  if (known) return known
  const source = sourceOf(settings, clock)
  sources.set(settings, source)
  return source
}

function sourceOf(settings: TokenSettings, clock: Clock): TokenSource {
  const { token, tokenFile, tokenUrl, clientId = '', clientSecret = '', scope, tokenCa } = settings
  if (tokenUrl !== undefined) return askedFor({ tokenUrl, clientId, clientSecret, scope, tokenCa }, clock)
  return tokenFile === undefined ? given(token ?? '') : readFrom(tokenFile)
}

function given(token: string): TokenSource {
  const answer = judged(token, 'the token')
  return { get: async () => answer, renew: () => false, isNew: () => false }
}

function readFrom(file: string): TokenSource {
  return {
    get: async () => readToken(file),
    renew: refused => {
      const answer = readToken(file)
      return 'token' in answer && answer.token !== refused
    },
    isNew: () => false,
  }
}

function readToken(file: string): TokenAnswer {
  try {
    const text = readFileSync(file, 'utf8').trim()
    // Somebody may just be writing it.
    if (text === '') return { failure: `the token's file ${file} is empty`, isPassing: true }
    return judged(text, `the file ${file}`)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return { failure: `the token's file ${file} cannot be read (${code})`, isPassing: false }
  }
}

const judged = (token: string, what: string): TokenAnswer =>
  TOKEN.test(token)
    ? { token }
    : { failure: `${what} holds no token: blanks, line ends or other signs`, isPassing: false }

/** Times on the monotonic clock. */
interface Held {
  readonly token: string
  readonly askedAt: number
  readonly goodUntil: number
}

function askedFor(settings: ClientCredentials, clock: Clock): TokenSource {
  const client = new HttpClient({ ca: settings.tokenCa })
  let held: Held | null = null
  let asking: Promise<TokenAnswer> | null = null
  const ask = async (): Promise<TokenAnswer> => {
    const askedAt = clock.monotonic()
    const answer = await requestToken(client, settings)
    if ('failure' in answer) return answer
    const lifeMs = (answer.lifeSeconds ?? 0) * 1000
    const goodUntil = askedAt + lifeMs - Math.min(SPARE_MS, lifeMs / 2)
    held = { token: answer.token, askedAt, goodUntil }
    return { token: answer.token }
  }
  return {
    get: async () => {
      if (held && clock.monotonic() < held.goodUntil) return { token: held.token }
      asking ??= ask().finally(() => {
        asking = null
      })
      return await asking
    },
    renew: refused => {
      // Another connection may have had it replaced.
      if (held?.token === refused) held = null
      return true
    },
    isNew: token => held?.token === token && clock.monotonic() - held.askedAt < NEW_MS,
  }
}

type Issued = { readonly token: string; readonly lifeSeconds: number | undefined }
type Failure = Extract<TokenAnswer, { failure: string }>

async function requestToken(client: HttpClient, settings: ClientCredentials): Promise<Issued | Failure> {
  const { tokenUrl, clientId, clientSecret, scope } = settings
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope && { scope }) })
  // RFC 6749, section 2.3.1: both parts are encoded as in forms first.
  const pair = [clientId, clientSecret].map(part => new URLSearchParams([['', part]]).toString().slice(1))
  try {
    const { status, text } = await client.send({
      method: 'POST',
      url: tokenUrl,
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        authorization: `Basic ${Buffer.from(pair.join(':')).toString('base64')}`,
      },
      body: form.toString(),
      timeoutMs: TIMEOUT_MS,
    })
    return readIssued(status, text, settings)
  } catch (error) {
    const failure = tlsFailure(error)
    const why = failure ? `the server ${failure.words}` : (error as Error).message
    return { failure: `no token from ${shown(tokenUrl)}: ${why}`, isPassing: failure?.isPassing ?? true }
  }
}

function readIssued(
  status: number,
  text: string,
  { tokenUrl, clientId }: ClientCredentials,
): Issued | Failure {
  const from = shown(tokenUrl)
  const body = parseObject(text)
  if (status === 429 || status >= 500) {
    return { failure: `no token from ${from}: it answers ${status}`, isPassing: true }
  }
  if (status < 200 || status >= 300) {
    const error = typeof body.error === 'string' && /^\w{1,40}$/.test(body.error) ? ` ${body.error}` : ''
    return { failure: `${from} gives client ${clientId} no token (${status}${error})`, isPassing: false }
  }
  const { access_token: token, expires_in: life } = body
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    return { failure: `what ${from} answers holds no token`, isPassing: false }
  }
  const lifeSeconds = Number(life)
  return { token, lifeSeconds: Number.isFinite(lifeSeconds) ? lifeSeconds : undefined }
}

/** Without what may be a secret: user, password and parameters. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}

/** An empty one for what is no JSON object: the caller misses what should be in it. */
function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}
