import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'

// A server of a few words, for what a true one never says: "Message Formats" (protocol-message-formats).

/** What the client has sent: `start`, or a message by its letter. */
export type Heard = { readonly kind: string; readonly text: string }

export interface FakePostgres extends AsyncDisposable {
  readonly port: number
  readonly heard: readonly Heard[]
  /** How many links have been opened. */
  readonly links: number
  /** Writes below TLS, on every link. */
  inject(bytes: string): void
}

export interface FakeOptions {
  /** What is said to the wish for TLS. `S` needs `identity`. */
  readonly tls?: string
  readonly identity?: { readonly cert: string; readonly key: string }
  /** Answers to what was heard; null: silence. */
  readonly answer: (heard: Heard) => Buffer | null
}

export const message = (letter: string, ...parts: readonly (string | Buffer)[]): Buffer => {
  const body = Buffer.concat(parts.map(part => Buffer.from(part)))
  const head = Buffer.alloc(5, letter)
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const authentication = (kind: number, rest = ''): Buffer => message('R', Buffer.from([0, 0, 0, kind]), rest)
export const READY = message('Z', 'I')
export const LOGGED_IN = Buffer.concat([authentication(0), READY])
export const askForSasl = (...mechanisms: readonly string[]): Buffer =>
  authentication(10, `${mechanisms.join('\0')}\0\0`)
/** The end of a command, or of a query by the extended protocol, that brings no rows. */
export const DONE = Buffer.concat([message('C', 'SELECT 0\0'), READY])
export const NO_ROWS = Buffer.concat([message('1'), message('2'), message('n'), DONE])
/** The server streams from now on. */
export const STREAMING = message('W', Buffer.from([0, 0, 0]))

const SSL_REQUEST = 80_877_103

export async function startFakePostgres({ tls = 'N', identity, answer }: FakeOptions): Promise<FakePostgres> {
  const heard: Heard[] = []
  const sockets = new Set<Socket>()
  let links = 0
  const talk = (socket: Socket) =>
    listen(socket, told => {
      heard.push(told)
      return answer(told)
    })
  const inner = createTlsServer({ ...identity }, talk).listen(0, '127.0.0.1')
  const outer = createServer(socket => {
    links++
    sockets.add(socket.on('error', () => undefined))
    socket.once('data', opening => {
      const wishesTls = opening.readInt32BE(4) === SSL_REQUEST
      if (!wishesTls) socket.unshift(opening)
      else socket.write(tls)
      if (!wishesTls || tls !== 'S') return talk(socket)
      const below = connect((inner.address() as AddressInfo).port, '127.0.0.1')
      sockets.add(below.on('error', () => undefined))
      socket.pipe(below).pipe(socket)
    })
  }).listen(0, '127.0.0.1')
  await Promise.all([once(inner, 'listening'), once(outer, 'listening')])
  return {
    port: (outer.address() as AddressInfo).port,
    heard,
    get links() {
      return links
    },
    inject(bytes) {
      for (const socket of sockets) socket.write(bytes)
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await Promise.all([outer, inner].map(server => new Promise(resolve => server.close(resolve))))
    },
  }
}

/** Cuts what comes into messages: the first has no letter. */
function listen(socket: Socket, answer: (heard: Heard) => Buffer | null): void {
  let rest: Buffer = Buffer.alloc(0)
  let head = 0
  socket.on('error', () => undefined)
  socket.on('data', chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= head + 4 && rest.length >= rest.readInt32BE(head) + head) {
      const end = rest.readInt32BE(head) + head
      const kind = head === 0 ? 'start' : String.fromCharCode(rest[0] as number)
      const said = answer({ kind, text: rest.toString('latin1', head + 4, end) })
      if (said) socket.write(said)
      rest = rest.subarray(end)
      head = 1
    }
  })
}
