import { Socket } from 'node:net'
import { TributaryError } from '../../core/errors.ts'
import { isLoopback, tlsFailure } from '../../core/net/tls.ts'
import type { Encryption, SslMode } from './encryption.ts'
import { sourceFailure } from './failures.ts'
import { asTlsError, noTlsError, type Peer, secure } from './tls.ts'

const CONNECT_TIMEOUT_MS = 10_000
/**
 * A session may be silent for hours, while a slot is made. What stands between forgets such links, many after five
 * minutes, and the system's own default is to ask after two hours.
 */
const KEEP_ALIVE_MS = 60_000

/** A server's address and how to speak to it. */
export interface Address extends Peer {
  readonly port: number
}

/** A connection on which nothing has been said yet but, maybe, TLS. */
export interface Line {
  readonly socket: Socket
  readonly isEncrypted: boolean
}

/** One way to try; what fails with one may work with the next. */
type Way = 'plain' | 'tls' | 'tls-or-plain'

const WAYS: Readonly<Record<SslMode, readonly Way[]>> = {
  disable: ['plain'],
  allow: ['plain', 'tls'],
  prefer: ['tls-or-plain', 'plain'],
  require: ['tls'],
  'verify-ca': ['tls'],
  'verify-full': ['tls'],
}

/** "SSL Support" (libpq-ssl): over a socket of the file system there is no TLS, whatever the mode. */
const waysTo = ({ host, encryption }: Address): readonly Way[] =>
  host.startsWith('/') ? ['plain'] : WAYS[encryption.mode]

/** Parameters win, as they do in the driver; a socket of the file system is its folder. */
export function serverOf(url: string): Pick<Address, 'host' | 'port'> {
  const parsed = new URL(url)
  const { searchParams } = parsed
  const named = decodeURIComponent(parsed.hostname.replace(/^\[(.*)\]$/, '$1'))
  const host = searchParams.get('host') || named || 'localhost'
  const port = Number(searchParams.get('port') || parsed.port || 5432)
  return { host, port }
}

export const addressOf = (url: string, encryption: Encryption, where: string): Address => ({
  ...serverOf(url),
  encryption,
  where,
})

/**
 * Opens a session over the first way on which that works: `allow` and `prefer` have two. A server may let us in
 * by one of them only, so a refused login and a failed handshake are tried the other way, as libpq does it.
 * @throws TributaryError CONFIG_INVALID, SOURCE_ACCESS_DENIED, SOURCE_UNREACHABLE; what `open` throws
 */
export async function openOver<Session>(
  address: Address,
  signal: AbortSignal,
  open: (line: Line) => Promise<Session>,
): Promise<Session> {
  const [first, second] = waysTo(address)
  let wentPlain = false
  const attempt = async (way: Way) => {
    const line = await dial(address, way, signal)
    wentPlain = !line.isEncrypted
    try {
      return await open(line)
    } catch (error) {
      line.socket.destroy()
      throw asTlsError(error, address)
    }
  }
  try {
    return await attempt(first as Way)
  } catch (error) {
    if (second === undefined || !isRefusal(error) || signal.aborted) throw error
    // The server has no TLS: that was the other way.
    if (second === 'plain' && wentPlain) throw error
    return await attempt(second).catch(again => {
      throw bothRefused(error as TributaryError, again, second)
    })
  }
}

/** Class 28 of the server's codes: invalid authorization specification. A right that is missing is none of these. */
function isRefusal(thrown: unknown): boolean {
  if (!(thrown instanceof TributaryError) || thrown.code !== 'SOURCE_ACCESS_DENIED') return false
  const { code } = (thrown.cause ?? {}) as { code?: unknown }
  return tlsFailure(thrown.cause) !== null || (typeof code === 'string' && /^28...$/.test(code))
}

/** Of two refusals the first tells more: the second is often only that this way is closed. */
function bothRefused(first: TributaryError, second: unknown, way: Way): unknown {
  if (!isRefusal(second)) return first
  const how = way === 'plain' ? 'without TLS' : 'with TLS'
  const message = `${first.message} Tried ${how}: ${(second as Error).message}`
  return new TributaryError(first.code, message, { cause: first })
}

async function dial(address: Address, way: Way, signal: AbortSignal): Promise<Line> {
  const { host, port } = address
  const socket = new Socket()
  // While a handshake runs, and after it, a failure comes by the encrypted socket as well.
  socket.on('error', () => undefined)
  const giveUp = () => socket.destroy(new Error('closed while connecting'))
  const timer = setTimeout(() => socket.destroy(new Error('timeout expired')), CONNECT_TIMEOUT_MS)
  signal.addEventListener('abort', giveUp)
  try {
    if (signal.aborted) throw new Error('closed while connecting')
    await connected(socket, host, port)
    if (way === 'plain') return { socket, isEncrypted: false }
    const secured = await secure(socket, address)
    if (secured) return { socket: secured, isEncrypted: true }
    if (way === 'tls-or-plain') return { socket, isEncrypted: false }
    throw noTlsError(address)
  } catch (error) {
    socket.destroy()
    throw sourceFailure(asTlsError(error, address), { phase: 'connecting', where: address.where })
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', giveUp)
  }
}

function connected(socket: Socket, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_MS)
      resolve()
    })
    if (host.startsWith('/')) socket.connect(`${host}/.s.PGSQL.${port}`)
    else socket.connect(port, host)
  })
}

/** For `check`: what others can see of what goes over the link, in words. */
export function linkExposure(address: Address, line: { isEncrypted: boolean; hasPassword: boolean }) {
  const { host } = address
  if (line.isEncrypted || isLoopback(host)) return null
  return line.hasPassword
    ? `the login and every row go to ${host} unencrypted`
    : `every row goes to ${host} unencrypted`
}
