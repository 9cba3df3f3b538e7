import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http'
import { type AgentOptions, Agent as HttpsAgent, request as requestHttps } from 'node:https'

/** How an https server is met; texts are PEM. */
export interface HttpTls {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly passphrase?: string | undefined
  readonly servername?: string | undefined
  readonly rejectUnauthorized?: boolean | undefined
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  /** http or https, without user and password. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

export interface HttpAnswer {
  readonly status: number
  readonly text: string
}

/** More than any schema has; what answers with more is not what it seems. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024
/** Connections that nobody uses end then: a client that is dropped leaves none behind, whatever the server thinks. */
const IDLE_MS = 30_000

/**
 * Requests to one server, over connections that are used again. Redirections are not followed: what is sent may
 * hold a secret, and is for the server that the settings name. (`fetch` follows them, and takes no authorities.)
 */
export class HttpClient {
  readonly #plain: HttpAgent
  readonly #secure: HttpsAgent

  constructor(tls: HttpTls = {}, idleMs = IDLE_MS) {
    const given = Object.entries(tls).filter(([, value]) => value !== undefined)
    const kept = { keepAlive: true, timeout: idleMs }
    this.#plain = new HttpAgent(kept)
    this.#secure = new HttpsAgent({ ...kept, ...(Object.fromEntries(given) as AgentOptions) })
  }

  /** Rejects with what the system or TLS says, with the signal's reason, or for want of an answer in time. */
  async send(request: HttpRequest): Promise<HttpAnswer> {
    for (;;) {
      try {
        return await this.#attempt(request)
      } catch (error) {
        // The server may end idle connections just when we use them again; then it has not seen the request.
        if (!(error instanceof StaleConnection)) throw error
      }
    }
  }

  #attempt({ method, url, headers, body, timeoutMs, signal }: HttpRequest): Promise<HttpAnswer> {
    const timeout = AbortSignal.timeout(timeoutMs)
    const ends = signal ? AbortSignal.any([signal, timeout]) : timeout
    const isSecure = url.startsWith('https:')
    const agent = isSecure ? this.#secure : this.#plain
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    return new Promise((resolve, reject) => {
      const fail = (error: Error) => reject(failureOf(error, { request, timeout, timeoutMs, signal }))
      const options = { method, agent, headers: { ...headers, ...length }, signal: ends }
      const request = (isSecure ? requestHttps : requestHttp)(url, options, answer => {
        readText(answer).then(text => resolve({ status: answer.statusCode ?? 0, text }), fail)
      })
      request.once('error', fail)
      request.end(body)
    })
  }
}

class StaleConnection extends Error {}

interface Circumstances {
  readonly request: { readonly reusedSocket: boolean }
  readonly timeout: AbortSignal
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

function failureOf(error: Error, { request, timeout, timeoutMs, signal }: Circumstances): unknown {
  if (signal?.aborted) return signal.reason
  if (timeout.aborted) return new Error(`no answer in ${timeoutMs} ms`, { cause: error })
  const { code } = error as NodeJS.ErrnoException
  if (request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE')) return new StaleConnection()
  // Several addresses were tried: the first tells why.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return error.errors[0]
  return error
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`the answer is longer than ${MAX_ANSWER_BYTES} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
