import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly body: unknown
}

/** An answer, or null: none, the connection stays open. */
export type Answer = { readonly status: number; readonly body: string | object } | null

export interface RegistryServer extends AsyncDisposable {
  readonly url: string
  readonly seen: SeenRequest[]
}

/** An HTTP server that gives these answers in turn, the last one for ever. */
export async function serve(...answers: readonly Answer[]): Promise<RegistryServer> {
  const seen: SeenRequest[] = []
  const server = createServer(async (request, response) => {
    const answer = answers[Math.min(seen.length, answers.length - 1)] as Answer
    seen.push(await requestOf(request))
    if (answer) reply(response, answer)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

async function requestOf(request: IncomingMessage): Promise<SeenRequest> {
  let text = ''
  for await (const chunk of request) text += chunk
  const isJson = /json/.test(request.headers['content-type'] ?? '')
  return {
    method: request.method ?? '',
    path: request.url ?? '',
    authorization: request.headers.authorization,
    body: text === '' ? null : isJson ? JSON.parse(text) : text,
  }
}

function reply(response: ServerResponse, { status, body }: NonNullable<Answer>): void {
  response.statusCode = status
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}
