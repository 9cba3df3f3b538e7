import { backoffMs } from '../core/backoff.ts'
import { type Clock, systemClock } from '../core/clock.ts'
import { TributaryError } from '../core/errors.ts'
import { HttpClient } from '../core/net/http.ts'
import { type TlsFailure, tlsFailure } from '../core/net/tls.ts'
import {
  type Authorization,
  authorizationOf,
  type RegistryAuth,
  type RegistryTls,
  soundTls,
  splitUrl,
  TLS_ADVICE,
} from './registry-access.ts'

export type { RegistryAuth, RegistryTls } from './registry-access.ts'

export interface RegistryOptions {
  /** Base of the Confluent API: `http://registry:8081`, or `http://apicurio:8080/apis/ccompat/v7`. */
  readonly url: string
  /** Basic (also as `user:password@` in the URL) or bearer. */
  readonly auth?: RegistryAuth | undefined
  /** For https; texts are PEM. Default: the authorities that Node trusts. */
  readonly tls?: RegistryTls | undefined
  /** For one request. Default 10 seconds. */
  readonly timeoutMs?: number
  /** How long a registry that is away is waited for. Default: for ever, until the signal aborts. */
  readonly giveUpAfterMs?: number
  /** Called once when the registry goes away, and once when it answers again. Must not throw. */
  readonly onWaiting?: (error: TributaryError) => void
  readonly onBack?: () => void
  readonly clock?: Clock
}

export interface SchemaVersion {
  readonly id: number
  readonly version: number
  readonly schema: string
}

interface Request {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly body?: object
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

const DEFAULT_TIMEOUT_MS = 10_000
const HEADERS = {
  accept: 'application/vnd.schemaregistry.v1+json, application/json',
  'content-type': 'application/vnd.schemaregistry.v1+json',
}
const BACKOFF = { firstMs: 100, maxMs: 10_000 }

/**
 * Client of the Confluent schema registry API (Confluent's manual, "Schema Registry API Reference"; Apicurio
 * speaks it too). A registry that is away (no connection, no answer in time, 429, 5xx) is waited for.
 *
 * All methods throw TributaryError REGISTRY_REFUSED when the registry refuses or does not speak this API,
 * REGISTRY_UNREACHABLE when waiting took too long, and the signal's reason when it aborts.
 */
export class RegistryClient {
  readonly #base: string
  readonly #http: HttpClient
  readonly #authorization: Authorization
  readonly #options: RegistryOptions
  readonly #clock: Clock
  #isWaiting = false

  /** @throws TributaryError CONFIG_INVALID when `url` is no HTTP URL, or the credentials cannot be sent */
  constructor(options: RegistryOptions) {
    const { base, auth } = splitUrl(options)
    this.#base = base
    this.#http = new HttpClient(soundTls(options.tls))
    this.#authorization = authorizationOf(auth)
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * The id of this schema under the subject, as a new version if it is not there yet.
   *
   * @throws TributaryError SCHEMA_INCOMPATIBLE when the subject's rule forbids the change
   */
  async register(subject: string, schema: string, signal?: AbortSignal): Promise<number> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions`
    const answer = await this.#ask({ method: 'POST', path, body: { schema } }, signal)
    if (answer.status === 409) {
      const message = `Subject ${subject}: the registry refuses the schema: ${messageOf(answer)}`
      throw new TributaryError('SCHEMA_INCOMPATIBLE', message)
    }
    return idOf(this.#accepted(answer, path))
  }

  /** The id of this schema if it is a version of the subject. */
  async lookup(subject: string, schema: string, signal?: AbortSignal): Promise<number | null> {
    const path = `/subjects/${encodeURIComponent(subject)}`
    const answer = await this.#ask({ method: 'POST', path, body: { schema } }, signal)
    return answer.status === 404 ? null : idOf(this.#accepted(answer, path))
  }

  /** The newest version of the subject; null when there is none. */
  async latest(subject: string, signal?: AbortSignal): Promise<SchemaVersion | null> {
    const path = `/subjects/${encodeURIComponent(subject)}/versions/latest`
    const answer = await this.#ask({ method: 'GET', path }, signal)
    return answer.status === 404 ? null : (this.#accepted(answer, path) as SchemaVersion)
  }

  /** The text of a schema; null when the registry does not know the id. */
  async schemaById(id: number, signal?: AbortSignal): Promise<string | null> {
    const path = `/schemas/ids/${id}`
    const answer = await this.#ask({ method: 'GET', path }, signal)
    if (answer.status === 404) return null
    const { schema } = this.#accepted(answer, path) as { schema?: unknown }
    if (typeof schema !== 'string') throw this.#foreign(path)
    return schema
  }

  /** Names of all subjects: shows that the registry is there and lets us in. */
  async subjects(signal?: AbortSignal): Promise<readonly string[]> {
    const path = '/subjects'
    const subjects = this.#accepted(await this.#ask({ method: 'GET', path }, signal), path)
    if (!Array.isArray(subjects)) throw this.#foreign(path)
    return subjects as string[]
  }

  /** The answer, however long it takes the registry to come back. */
  async #ask(request: Request, signal?: AbortSignal): Promise<Answer> {
    const { giveUpAfterMs = Number.POSITIVE_INFINITY, onWaiting, onBack } = this.#options
    const since = this.#clock.monotonic()
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      const answer = await this.#try(request, signal)
      if (!(answer instanceof TributaryError)) {
        if (this.#isWaiting) onBack?.()
        this.#isWaiting = false
        return answer
      }
      signal?.throwIfAborted()
      const waitMs = backoffMs(attempt, BACKOFF)
      if (this.#clock.monotonic() + waitMs - since > giveUpAfterMs) throw answer
      if (!this.#isWaiting) onWaiting?.(answer)
      this.#isWaiting = true
      await this.#clock.sleep(waitMs, signal)
    }
  }

  /** One attempt; an error is returned when it makes sense to try again. A token that is not taken is renewed once. */
  async #try(request: Request, signal?: AbortSignal): Promise<Answer | TributaryError> {
    const answer = await this.#send(request, signal)
    const isRefused = 'status' in answer && answer.status === 401
    return isRefused && this.#authorization.renew() ? await this.#send(request, signal) : answer
  }

  async #send({ method, path, body }: Request, signal?: AbortSignal): Promise<Answer | TributaryError> {
    const { timeoutMs = DEFAULT_TIMEOUT_MS } = this.#options
    const authorization = await this.#authorization.header()
    if ('failure' in authorization) return this.#withoutToken(authorization)
    const request = {
      method,
      url: `${this.#base}${path}`,
      headers: { ...HEADERS, ...authorization },
      body: body === undefined ? undefined : JSON.stringify(body),
      timeoutMs,
      signal,
    }
    try {
      const { status, text } = await this.#http.send(request)
      if (status === 408 || status === 429 || status >= 500) return this.#away(`it answers ${status}`)
      return { status, body: parseJson(text) }
    } catch (cause) {
      const failure = tlsFailure(cause)
      if (failure && !failure.isPassing) throw this.#untrusted(failure, cause)
      return this.#away(cause instanceof Error ? cause.message : String(cause), cause)
    }
  }

  #withoutToken({ failure, isPassing }: { failure: string; isPassing: boolean }): TributaryError {
    const message = `The schema registry at ${this.#base} cannot be logged in to: ${failure}. See registry.auth.`
    if (isPassing) return new TributaryError('REGISTRY_UNREACHABLE', message)
    throw new TributaryError('REGISTRY_REFUSED', message)
  }

  #untrusted({ about, words }: TlsFailure, cause: unknown): TributaryError {
    const message = `The schema registry at ${this.#base} ${words}. ${TLS_ADVICE[about]}`
    return new TributaryError('REGISTRY_REFUSED', message, { cause })
  }

  #accepted(answer: Answer, path: string): unknown {
    if (answer.status === 401 || answer.status === 403) {
      const see = this.#base.startsWith('https:') ? 'registry.auth and registry.tls' : 'registry.auth'
      const message = `The schema registry at ${this.#base} refuses access to ${path} (${answer.status}). See ${see}.`
      throw new TributaryError('REGISTRY_REFUSED', message)
    }
    if (answer.status >= 300 && answer.status < 400) {
      const message = `The schema registry at ${this.#base} sends us elsewhere (${answer.status}): name that place in registry.url.`
      throw new TributaryError('REGISTRY_REFUSED', message)
    }
    if (answer.status < 200 || answer.status >= 300) {
      const reason = `${path} (${answer.status}): ${messageOf(answer)}`
      throw new TributaryError('REGISTRY_REFUSED', `The schema registry at ${this.#base} refuses ${reason}`)
    }
    if (typeof answer.body !== 'object' || answer.body === null) throw this.#foreign(path)
    return answer.body
  }

  #foreign(path: string): TributaryError {
    const message = `What answers at ${this.#base}${path} is no Confluent schema registry API.`
    return new TributaryError('REGISTRY_REFUSED', message)
  }

  #away(reason: string, cause?: unknown): TributaryError {
    const message = `The schema registry at ${this.#base} cannot be reached: ${reason}.`
    return new TributaryError('REGISTRY_UNREACHABLE', message, { cause })
  }
}

function idOf(body: unknown): number {
  const { id } = body as { id?: unknown }
  if (typeof id === 'number') return id
  throw new TributaryError('REGISTRY_REFUSED', 'The schema registry answers a registration without an id.')
}

function messageOf({ body }: Answer): string {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined
  return typeof message === 'string' ? message : 'no reason given'
}

/**
 * Undefined for what is no JSON: a proxy's page, say. The caller tells it apart by its status or its shape.
 */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
