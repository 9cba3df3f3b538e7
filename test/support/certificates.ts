import { generateKeyPairSync, type KeyObject, randomInt, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bits, bool, explicit, implicit, integer, octets, oid, sequence, set, time, utf8 } from './der.ts'

// Certificates (RFC 5280) made when a test runs: one that is kept would expire. Keys are on the curve P-256.

const HOUR_MS = 3_600_000
const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'))
const COMMON_NAME = oid('2.5.4.3')
const BASIC_CONSTRAINTS = oid('2.5.29.19')
const KEY_USAGE = oid('2.5.29.15')
const ALTERNATIVE_NAMES = oid('2.5.29.17')

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly cert: string
  readonly key: string
  /** The key, locked. */
  encryptedKey(passphrase: string): string
}

export interface Wishes {
  /** Its common name. */
  readonly name: string
  /** Hosts and IPv4 addresses. */
  readonly hosts?: readonly string[]
  /** Already over. */
  readonly isExpired?: boolean
}

export interface Authority {
  readonly cert: string
  issue(wishes: Wishes): Identity
  /** The list of those of its certificates that count no more, PEM. */
  revoke(...revoked: readonly Identity[]): string
}

export function createAuthority(name: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name, key: keys.privateKey }
  const serials = new Map<string, number>()
  return {
    cert: pem('CERTIFICATE', certificate({ name }, { issuer, subjectKey: keys.publicKey, serial: 1 })),
    issue(wishes) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const serial = randomInt(2, 0x7fffff)
      const cert = pem('CERTIFICATE', certificate(wishes, { issuer, subjectKey: publicKey, serial }))
      serials.set(cert, serial)
      return {
        cert,
        key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
        encryptedKey: passphrase =>
          privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }) as string,
      }
    },
    revoke: (...revoked) =>
      pem(
        'X509 CRL',
        revocations(
          revoked.map(({ cert }) => serials.get(cert) ?? 0),
          issuer,
        ),
      ),
  }
}

interface Issuer {
  readonly name: string
  readonly key: KeyObject
}

/** RFC 5280, section 4.1. What has hosts, or is signed by another, is no authority. */
function certificate(
  { name, hosts = [], isExpired = false }: Wishes,
  { issuer, subjectKey, serial }: { issuer: Issuer; subjectKey: KeyObject; serial: number },
): Buffer {
  const isAuthority = serial === 1
  const now = Date.now()
  const until = now + (isExpired ? -1 : 24) * HOUR_MS
  const extensions = [
    sequence(BASIC_CONSTRAINTS, bool(true), octets(isAuthority ? sequence(bool(true)) : sequence())),
    // keyCertSign and cRLSign; digitalSignature.
    sequence(
      KEY_USAGE,
      bool(true),
      octets(isAuthority ? bits(Buffer.of(0x06), 1) : bits(Buffer.of(0x80), 7)),
    ),
    ...(hosts.length > 0 ? [sequence(ALTERNATIVE_NAMES, octets(sequence(...hosts.map(hostName))))] : []),
  ]
  const content = sequence(
    explicit(0, integer(2)),
    integer(serial),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer.name),
    sequence(time(new Date(now - 24 * HOUR_MS)), time(new Date(until))),
    distinguishedName(name),
    subjectKey.export({ type: 'spki', format: 'der' }),
    explicit(3, sequence(...extensions)),
  )
  return signed(content, issuer)
}

/** RFC 5280, section 5.1, version 2. */
function revocations(serials: readonly number[], issuer: Issuer): Buffer {
  const now = new Date(Date.now() - HOUR_MS)
  const content = sequence(
    integer(1),
    ECDSA_WITH_SHA256,
    distinguishedName(issuer.name),
    time(now),
    time(new Date(Date.now() + 24 * HOUR_MS)),
    ...(serials.length > 0 ? [sequence(...serials.map(serial => sequence(integer(serial), time(now))))] : []),
  )
  return signed(content, issuer)
}

const signed = (content: Buffer, { key }: Issuer) =>
  sequence(content, ECDSA_WITH_SHA256, bits(sign('sha256', content, key)))

const distinguishedName = (name: string) => sequence(set(sequence(COMMON_NAME, utf8(name))))

const hostName = (host: string) =>
  isIPv4(host) ? implicit(7, Buffer.from(host.split('.').map(Number))) : implicit(2, Buffer.from(host))

const pem = (label: string, content: Buffer) =>
  `-----BEGIN ${label}-----\n${content.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
