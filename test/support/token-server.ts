import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Identity } from './certificates.ts'

export interface TokenServer extends AsyncDisposable {
  readonly url: string
  /** Requests so far that had the right client and secret. */
  readonly issued: number
}

export interface TokenServerOptions {
  readonly clientId: string
  readonly clientSecret: string
  readonly lifeSeconds: number
  readonly token: () => string
  /** With it, the server speaks https. */
  readonly identity?: Identity
}

/** Gives tokens for client credentials (RFC 6749, section 4.4), to one client. */
export async function serveTokens(options: TokenServerOptions): Promise<TokenServer> {
  let issued = 0
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { status, body } = await judge(request, options)
    if (status === 200) issued++
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const { identity } = options
  const server: Server = identity
    ? createSecureServer({ cert: identity.cert, key: identity.key }, answer)
    : createServer(answer)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `${identity ? 'https' : 'http'}://localhost:${port}/token`,
    get issued() {
      return issued
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function judge(request: IncomingMessage, options: TokenServerOptions) {
  let text = ''
  for await (const chunk of request) text += chunk
  const form = new URLSearchParams(text)
  const pair = [options.clientId, options.clientSecret].map(encodeURIComponent).join(':')
  const isKnown = request.headers.authorization === `Basic ${Buffer.from(pair).toString('base64')}`
  if (!isKnown) return { status: 401, body: { error: 'invalid_client' } }
  if (form.get('grant_type') !== 'client_credentials')
    return { status: 400, body: { error: 'invalid_grant' } }
  return {
    status: 200,
    body: { access_token: options.token(), token_type: 'Bearer', expires_in: options.lifeSeconds },
  }
}
