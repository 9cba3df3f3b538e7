import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePorts } from '../services/ports.ts'

// What a network does to a link, done to order: a TCP proxy in front of one server.

/** One link through a proxy, while it stands. */
export interface Link {
  /** The first bytes that the client sent: tells what it is for. */
  readonly opening: Buffer
  /** Ends both sides in order. */
  cut(): void
  /** Ends both sides with a TCP reset. */
  reset(): void
}

/** Which links a fault is for; all when there is none. */
export type Which = (link: Link) => boolean

/** What a client's bytes are held against before they pass; `hold` keeps them and all that follow. */
export type Tap = (bytes: Buffer, link: Link) => 'pass' | 'hold'

export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** `127.0.0.1:PORT` */
  readonly address: string
  readonly links: readonly Link[]
  cut(which?: Which): void
  reset(which?: Which): void
  /** Nothing passes in either direction, not even the end of a link, until `thaw`. New links stand, and are silent. */
  freeze(which?: Which): void
  /** What was held passes. Lifts every fault but `refuse`; links that have lost answers are reset. */
  thaw(): void
  /** In each direction of each link. */
  slow(bytesPerSecond: number): void
  /** Requests pass; what the server says is lost. */
  swallowAnswers(which?: Which): void
  /** Every link is reset once its client has sent this many bytes more. */
  cutAfter(bytes: number): void
  /** True: nobody listens (ECONNREFUSED). Links that stand are not touched. */
  refuse(refuses: boolean): Promise<void>
  tap(tap: Tap | null): void
}

const TICK_MS = 20
/** What is kept of a link's beginning, at least, once so much was sent. */
const OPENING_BYTES = 1_000
const ALL: Which = () => true

/** `target`: `HOST:PORT`, or a URL that holds them. `port`: one to listen on, when it had to be known before. */
export async function startProxy(target: string, port?: number): Promise<TcpProxy> {
  const { hostname, port: targetPort } = new URL(target.includes('://') ? target : `tcp://${target}`)
  const [free] = port === undefined ? await freePorts(1) : [port]
  const proxy = new ProxyServer({ host: hostname, port: Number(targetPort) }, free as number)
  await proxy.listen()
  return proxy
}

/** What the faults of the moment are; links ask before each step. */
interface Faults {
  frozen: Which | null
  swallowed: Which | null
  bytesPerSecond: number
  bytesLeft: number
  tap: Tap | null
}

const noFaults = (): Faults => ({
  frozen: null,
  swallowed: null,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  bytesLeft: Number.POSITIVE_INFINITY,
  tap: null,
})

class ProxyServer implements TcpProxy {
  readonly port: number
  readonly #target: { host: string; port: number }
  readonly #links = new Set<ProxiedLink>()
  readonly #faults = noFaults()
  #server: Server | null = null

  constructor(target: { host: string; port: number }, port: number) {
    this.#target = target
    this.port = port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  get links(): readonly Link[] {
    return [...this.#links]
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, client => this.#accept(client))
    server.listen({ port: this.port, host: '127.0.0.1' })
    await once(server, 'listening')
    this.#server = server
  }

  #accept(client: Socket): void {
    const link = new ProxiedLink(
      client,
      connect({ ...this.#target, allowHalfOpen: true, noDelay: true }),
      this.#faults,
    )
    this.#links.add(link)
    void link.ended.then(() => this.#links.delete(link))
  }

  cut(which = ALL): void {
    for (const link of this.links.filter(which)) link.cut()
  }

  reset(which = ALL): void {
    for (const link of this.links.filter(which)) link.reset()
  }

  freeze(which = ALL): void {
    this.#faults.frozen = which
  }

  thaw(): void {
    Object.assign(this.#faults, noFaults(), { tap: this.#faults.tap })
    for (const link of this.#links) {
      if (link.hasLost) link.reset()
      link.wake()
    }
  }

  slow(bytesPerSecond: number): void {
    this.#faults.bytesPerSecond = bytesPerSecond
  }

  swallowAnswers(which = ALL): void {
    this.#faults.swallowed = which
  }

  cutAfter(bytes: number): void {
    this.#faults.bytesLeft = bytes
  }

  async refuse(refuses: boolean): Promise<void> {
    if (!refuses) {
      if (this.#server === null) await this.listen()
      return
    }
    // It stops listening at once; its end is not waited for, since links may stand.
    this.#server?.close()
    this.#server = null
  }

  tap(tap: Tap | null): void {
    this.#faults.tap = tap
    for (const link of this.#links) link.wake()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.refuse(true)
    this.reset()
  }
}

class ProxiedLink implements Link {
  readonly ended: Promise<unknown>
  readonly #client: Socket
  readonly #server: Socket
  readonly #faults: Faults
  opening: Buffer = Buffer.alloc(0)
  /** Of what the server said. TCP leaves nothing out in the middle, so nothing may follow. */
  hasLost = false
  #wake = Promise.withResolvers<void>()

  constructor(client: Socket, server: Socket, faults: Faults) {
    this.#client = client
    this.#server = server
    this.#faults = faults
    for (const socket of [client, server]) {
      // A side that fails ends the other in the same way, unless the link is frozen: then nobody hears of it.
      socket.on('error', () => this.#spread(() => this.reset()))
    }
    this.ended = Promise.all(
      [client, server].map(socket => new Promise(resolve => socket.once('close', resolve))),
    )
    void this.#carry(client, server, bytes => this.#passRequest(bytes))
    void this.#carry(server, client, bytes => this.#passAnswer(bytes))
  }

  cut(): void {
    for (const socket of [this.#client, this.#server]) socket.destroy()
  }

  reset(): void {
    for (const socket of [this.#client, this.#server]) if (!socket.destroyed) socket.resetAndDestroy()
  }

  /** Looks at the faults again. */
  wake(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  get #isFrozen(): boolean {
    return this.#faults.frozen?.(this) ?? false
  }

  /** Reads only what it may pass on, so that a sender feels the fault as it would on a real network. */
  async #carry(from: Socket, to: Socket, pass: (bytes: Buffer) => Promise<Buffer | null>): Promise<void> {
    try {
      for await (const bytes of from.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        const passed = await pass(bytes)
        if (passed !== null && !to.write(passed)) await once(to, 'drain')
      }
      await this.#whileFrozen()
      to.end()
    } catch {
      // A side that is gone: its `error` event has told the other.
      await this.#spread(() => this.reset())
    }
  }

  async #spread(end: () => void): Promise<void> {
    await this.#whileFrozen()
    end()
  }

  async #whileFrozen(): Promise<void> {
    while (this.#isFrozen) await this.#wake.promise
  }

  async #passRequest(bytes: Buffer): Promise<Buffer> {
    if (this.opening.length < OPENING_BYTES) this.opening = Buffer.concat([this.opening, bytes])
    await this.#whileFrozen()
    while (this.#faults.tap?.(bytes, this) === 'hold') await this.#wake.promise
    await this.#slowly(bytes.length)
    this.#faults.bytesLeft -= bytes.length
    if (this.#faults.bytesLeft < 0) this.reset()
    return bytes
  }

  async #passAnswer(bytes: Buffer): Promise<Buffer | null> {
    await this.#whileFrozen()
    await this.#slowly(bytes.length)
    this.hasLost ||= this.#faults.swallowed?.(this) ?? false
    return this.hasLost ? null : bytes
  }

  async #slowly(bytes: number): Promise<void> {
    const end = performance.now()
    const wait = () => end + (bytes / this.#faults.bytesPerSecond) * 1_000 - performance.now()
    for (let left = wait(); left > 0; left = wait()) {
      await new Promise(resolve => setTimeout(resolve, Math.min(left, TICK_MS)))
    }
  }
}
