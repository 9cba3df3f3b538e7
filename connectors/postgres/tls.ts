import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls'
import { TributaryError } from '../../core/errors.ts'
import { materialProblems, systemAuthorities, type TlsFailure, tlsFailure } from '../../core/net/tls.ts'
import type { Encryption, Place } from './encryption.ts'

// TLS over a socket that is connected: asked for as the manual says ("SSL Session Encryption", protocol-flow).

/** Length 8, and the number that stands where a protocol version would. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f])

export interface Peer {
  readonly host: string
  readonly encryption: Encryption
  /** Begins every message. */
  readonly where: string
}

/**
 * The socket, encrypted; null when the server offers no TLS (and is still there to be talked to without).
 * @throws TributaryError CONFIG_INVALID, SOURCE_ACCESS_DENIED; what the socket fails with
 */
export async function secure(socket: Socket, peer: Peer): Promise<TLSSocket | null> {
  const options = tlsOptions(peer)
  if (!peer.encryption.isDirect && !(await offersTls(socket, peer))) return null
  const secured = await handshake(socket, options)
  if (peer.encryption.isDirect && secured.alpnProtocol !== 'postgresql') {
    secured.destroy()
    throw denied(peer, 'speaks TLS, but not Postgres in it (sslnegotiation=direct needs Postgres 17)')
  }
  return secured
}

function handshake(socket: Socket, options: ConnectionOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const secured = connect({ ...options, socket })
    secured.once('error', reject)
    // Until the driver listens, a failure must not be one that nobody hears: that would end the process.
    secured.on('error', () => undefined)
    // Destroying the socket below is how an attempt is given up; TLS would say nothing of that.
    const onClose = () => reject(new Error('The connection was closed during the TLS handshake.'))
    socket.once('close', onClose)
    secured.once('secureConnect', () => {
      secured.off('error', reject)
      socket.off('close', onClose)
      resolve(secured)
    })
  })
}

/**
 * One byte answers, and nothing may follow it: what came before the handshake in the same packet would be taken for
 * something that the server said under encryption.
 */
async function offersTls(socket: Socket, peer: Peer): Promise<boolean> {
  socket.write(SSL_REQUEST)
  const answer = await firstBytes(socket)
  if (answer.length === 1 && answer[0] === 'S'.charCodeAt(0)) return true
  if (answer.length === 1 && answer[0] === 'N'.charCodeAt(0)) return false
  socket.destroy()
  // What follows is not shown: anybody on the way may have written it.
  if (answer[0] === 'E'.charCodeAt(0)) {
    const message = `${peer.where}: the server at ${peer.host} answers the wish for TLS with an error, as one does that cannot start another session.`
    throw new TributaryError('SOURCE_UNREACHABLE', message)
  }
  throw denied(peer, 'answers the wish for TLS with something else than yes or no')
}

function firstBytes(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const fail = (error?: Error) => reject(error ?? new Error('The server closed the connection.'))
    const onClose = () => fail()
    socket.once('error', fail)
    socket.once('close', onClose)
    socket.once('data', chunk => {
      socket.pause()
      socket.off('error', fail)
      socket.off('close', onClose)
      resolve(chunk)
    })
  })
}

/**
 * Read at each connection, so that a certificate that was renewed in its file is taken up.
 * @throws TributaryError CONFIG_INVALID
 */
function tlsOptions({ host, encryption, where }: Peer): ConnectionOptions {
  const { mode, called, minVersion, maxVersion, passphrase } = encryption
  const read = (place: Place | null, name: string) => (place ? textOf(place, name, where) : undefined)
  const ca = encryption.ca === 'system' ? 'system' : read(encryption.ca, called.ca)
  const cert = read(encryption.cert, called.cert)
  const key = read(encryption.key, called.key)
  const [problem] = materialProblems({ ca: ca === 'system' ? null : ca, cert, key, passphrase })
  if (problem) {
    const message = `${where}: ${called[problem.part]} ${problem.message}.`
    throw new TributaryError('CONFIG_INVALID', message)
  }
  const crl = read(encryption.crl, 'the list of revoked certificates')
  return {
    host,
    // Without it the name is not sent; the certificate is then held against `host`.
    servername: encryption.sendsHostName && isIP(host) === 0 ? host : '',
    rejectUnauthorized: ca !== undefined,
    ...(ca !== undefined && { ca: ca === 'system' ? systemAuthorities() : ca }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    ...(cert !== undefined && { cert, key: key as string }),
    ...(passphrase !== null && { passphrase }),
    ...(crl !== undefined && { crl }),
    ...(minVersion !== null && { minVersion: minVersion as SecureVersion }),
    ...(maxVersion !== null && { maxVersion: maxVersion as SecureVersion }),
    ...(encryption.isDirect && { ALPNProtocols: ['postgresql'] }),
  }
}

function textOf(place: Place, name: string, where: string): string {
  if ('text' in place) return place.text
  try {
    return readFileSync(place.file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const message = `${where}: the file of ${name}, ${place.file}, cannot be read (${code}).`
    throw new TributaryError('CONFIG_INVALID', message, { cause: error })
  }
}

/** The error of TLS as ours, with the setting that mends it; anything else as it is. */
export function asTlsError(thrown: unknown, peer: Peer): unknown {
  if (thrown instanceof TributaryError) return thrown
  const failure = tlsFailure(thrown)
  if (failure === null) return thrown
  const message = `${peer.where}: the server at ${peer.host} ${failure.words}.${mendOf(failure, peer.encryption)}`
  const code = failure.isPassing ? 'SOURCE_UNREACHABLE' : 'SOURCE_ACCESS_DENIED'
  return new TributaryError(code, message, { cause: thrown })
}

function mendOf({ about, isPassing }: TlsFailure, { called, isDirect }: Encryption): string {
  if (isPassing && isDirect) return ' sslnegotiation=direct in source.url needs Postgres 17.'
  if (about === 'authority') return ` Name the authority's certificate by ${called.ca}.`
  if (about === 'name')
    return ` Name the host in source.url as the certificate does, or have a certificate made for it.`
  if (about === 'client') return ` See ${called.cert} and ${called.key}.`
  return about === 'validity' ? ' It has to be mended on the server.' : ''
}

/** The server has no TLS, and the mode demands it. */
export function noTlsError({ host, encryption, where }: Peer): TributaryError {
  const { mode, called } = encryption
  const message = `${where}: the server at ${host} offers no TLS, and ${called.mode} is ${mode}. Set ssl = on there; or, where nobody can listen, ${called.mode} to disable.`
  return new TributaryError('CONFIG_INVALID', message)
}

function denied({ where, host }: Peer, what: string): TributaryError {
  return new TributaryError('SOURCE_ACCESS_DENIED', `${where}: the server at ${host} ${what}.`)
}
