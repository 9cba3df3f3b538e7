import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Identity } from './certificates.ts'

export interface RegistryProxy extends AsyncDisposable {
  /** Of the API, as `registry.url` takes it; by the name `localhost`. */
  readonly url: string
  /** Requests that were let through. */
  readonly passed: number
}

export interface ProxyOptions {
  /** The registry behind it. */
  readonly target: string
  /** With it, the proxy speaks https. */
  readonly identity?: Identity
  /** Clients must show a certificate of this authority, PEM. */
  readonly clientCa?: string
  /** Judges the header `authorization`. Default: all may pass. */
  readonly allows?: (authorization: string | undefined) => boolean
}

/** What stands before many registries: TLS and a login. */
export async function startRegistryProxy(options: ProxyOptions): Promise<RegistryProxy> {
  const { target, identity, clientCa, allows = () => true } = options
  let passed = 0
  const listener: RequestListener = (request, response) => {
    // Node itself would end the connection of others without a word; proxies tell them.
    if (clientCa !== undefined && !(request.socket as TLSSocket).authorized) {
      response.writeHead(403).end('{"error_code":403,"message":"Forbidden"}')
      return
    }
    if (!allows(request.headers.authorization)) {
      response.writeHead(401).end('{"error_code":401,"message":"Unauthorized"}')
      return
    }
    passed++
    forward(request, response, target).catch(error => response.writeHead(502).end(String(error)))
  }
  const server = identity
    ? createSecureServer(
        {
          cert: identity.cert,
          key: identity.key,
          ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
        },
        listener,
      )
    : createServer(listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${identity ? 'https' : 'http'}://localhost:${port}`,
    get passed() {
      return passed
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function forward(request: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const answer = await fetch(`${target}${request.url}`, {
    method: request.method ?? 'GET',
    headers: { 'content-type': request.headers['content-type'] ?? '' },
    body: chunks.length === 0 ? null : Buffer.concat(chunks),
  })
  response.writeHead(answer.status).end(await answer.text())
}
