import { createPrivateKey, X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext, getCACertificates } from 'node:tls'

// What every client of a server needs of TLS: whether the texts that are given can be used, and what a failure means.

/** Texts in PEM. */
export interface TlsMaterial {
  /** Certificates of authorities; null or undefined: those that the program trusts by itself. */
  readonly ca?: string | null | undefined
  readonly cert?: string | null | undefined
  readonly key?: string | null | undefined
  /** Opens the private key. */
  readonly passphrase?: string | null | undefined
}

/** One thing that is wrong with what is given, and the part of it that is wrong. */
export interface MaterialProblem {
  readonly part: 'ca' | 'cert' | 'key'
  readonly message: string
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g

/** What is wrong with certificates and key, before a server is asked. Never quotes them. */
export function materialProblems({ ca, cert, key, passphrase }: TlsMaterial): MaterialProblem[] {
  const problems: MaterialProblem[] = []
  const add = (part: MaterialProblem['part'], message: string) => problems.push({ part, message })
  if (typeof ca === 'string' && !areCertificates(ca)) add('ca', 'holds no certificates in PEM')
  const isCertGood = typeof cert === 'string' && areCertificates(cert)
  if (typeof cert === 'string' && !isCertGood) add('cert', 'holds no certificates in PEM')
  if (typeof cert === 'string' && typeof key !== 'string') add('key', 'is missing beside the certificate')
  if (typeof cert !== 'string' && typeof key === 'string') add('cert', 'is missing beside the key')
  if (typeof key !== 'string') return problems
  const problem = keyProblem(key, passphrase ?? undefined, isCertGood ? cert : undefined)
  if (problem) add('key', problem)
  return problems
}

function areCertificates(text: string): boolean {
  const certificates = text.match(CERTIFICATE) ?? []
  return certificates.length > 0 && certificates.every(each => isParsed(() => new X509Certificate(each)))
}

function keyProblem(key: string, passphrase: string | undefined, cert: string | undefined): string | null {
  const options = passphrase === undefined ? { key } : { key, passphrase }
  const isEncrypted = /ENCRYPTED/.test(key)
  if (!isParsed(() => createPrivateKey(options))) {
    if (!isEncrypted) return 'holds no private key in PEM'
    return passphrase === undefined
      ? 'is encrypted, and no passphrase is given'
      : 'cannot be opened with its passphrase'
  }
  if (cert === undefined) return null
  // The first is ours, those after it lead to an authority.
  const [own = ''] = cert.match(CERTIFICATE) ?? []
  const fits = new X509Certificate(own).checkPrivateKey(createPrivateKey(options))
  if (!fits) return 'is not the key of the certificate'
  return isParsed(() => createSecureContext({ cert, ...options })) ? null : 'is too weak for this program'
}

function isParsed(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}

/** The authorities that the system trusts; where it has no list of its own, those that came with Node. */
export function systemAuthorities(): string[] {
  const system = getCACertificates('system')
  return system.length > 0 ? system : getCACertificates('default')
}

/** Whether what is sent to this host stays on this machine. */
export function isLoopback(host: string): boolean {
  const plain = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (isIP(plain) === 4) return plain.startsWith('127.')
  return plain === '::1' || plain === 'localhost' || plain.endsWith('.localhost') || plain.startsWith('/')
}

/** Why two ends did not come to an understanding. */
export interface TlsFailure {
  /** What is wrong: their certificate's authority, its name, its dates; our certificate; TLS itself. */
  readonly about: 'authority' | 'name' | 'validity' | 'client' | 'protocol'
  /** A part of a sentence, with the error's code. */
  readonly words: string
  /** It may pass by itself: the server may just be going down. */
  readonly isPassing: boolean
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'INVALID_CA',
])

/** The program's own codes, by what they tell. The texts go on after "the server ...". */
const BY_CODE: Readonly<Record<string, Pick<TlsFailure, 'about' | 'words'>>> = {
  CERT_HAS_EXPIRED: { about: 'validity', words: 'has a certificate that has expired' },
  CERT_NOT_YET_VALID: { about: 'validity', words: 'has a certificate that is not valid yet' },
  CERT_REVOKED: { about: 'validity', words: 'has a certificate that was revoked' },
  UNABLE_TO_GET_CRL: {
    about: 'validity',
    words: 'has a certificate that the list of revoked ones is not for',
  },
  CRL_HAS_EXPIRED: {
    about: 'validity',
    words: 'has a certificate, and the list of revoked ones has expired',
  },
  INVALID_PURPOSE: { about: 'validity', words: 'has a certificate that is not one for servers' },
}

/** Bytes damaged on the way, which either end may find, and servers in trouble. No setting mends these. */
const PASSING = /^ERR_SSL_.*(BAD_RECORD_MAC|INTERNAL_ERROR|USER_CANCELL?ED|UNEXPECTED_EOF)/

/** Null for what has nothing to do with TLS. */
export function tlsFailure(thrown: unknown): TlsFailure | null {
  if (!(thrown instanceof Error)) return null
  const code = codeOf(thrown)
  const known = BY_CODE[code]
  if (known) return { ...known, words: `${known.words} (${code})`, isPassing: false }
  if (UNTRUSTED.has(code)) {
    const words = `has a certificate of an authority that is not trusted here (${code})`
    return { about: 'authority', words, isPassing: false }
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const words = `has a certificate for other names: ${nameMismatch(thrown)}`
    return { about: 'name', words, isPassing: false }
  }
  // Found out while writing, the same things come as EPROTO, with OpenSSL's words in the message.
  const said = code === 'EPROTO' ? opensslReason(thrown.message) : code
  if (PASSING.test(said)) {
    const words = `broke off TLS, by a fault of its own or on the way (${said})`
    return { about: 'protocol', words, isPassing: true }
  }
  if (/^ERR_SSL_.*ALERT/.test(said)) return alertFailure(said)
  if (/^(ERR_SSL_|ERR_TLS_|EPROTO)/.test(said)) return protocolFailure(said)
  if (/before secure TLS connection was established/.test(thrown.message)) {
    const words = 'closed the connection before TLS began: either it is going down, or it speaks no TLS there'
    return { about: 'protocol', words, isPassing: true }
  }
  return null
}

/** RFC 8446, section 6: what the server says before it closes. Those about certificates mean ours. */
function alertFailure(code: string): TlsFailure {
  const isAboutUs = /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/.test(code)
  const isMissing = /CERTIFICATE_REQUIRED/.test(code)
  if (isMissing)
    return { about: 'client', words: `demands a certificate of ours (${code})`, isPassing: false }
  if (isAboutUs) return { about: 'client', words: `refuses our certificate (${code})`, isPassing: false }
  // Servers before TLS 1.3 say no more than this when they miss a certificate, too.
  return { about: 'client', words: `ends the TLS handshake (${code})`, isPassing: false }
}

function protocolFailure(code: string): TlsFailure {
  const isForeign = /WRONG_VERSION_NUMBER|PACKET_LENGTH|UNEXPECTED_MESSAGE|HTTP_REQUEST|RECORD/.test(code)
  const words = isForeign ? `does not speak TLS there (${code})` : `and we find no common TLS (${code})`
  return { about: 'protocol', words, isPassing: false }
}

/** `write EPROTO ID:error:CODE:SSL routines:FUNCTION:wrong version number:FILE:LINE:`, as the code that Node would make of it. */
function opensslReason(message: string): string {
  const reason = /:SSL routines:[^:]*:([^:]+):/.exec(message)?.[1]
  return reason === undefined ? 'EPROTO' : `ERR_SSL_${reason.toUpperCase().replace(/\W+/g, '_')}`
}

function nameMismatch(thrown: Error): string {
  const { reason } = thrown as { reason?: unknown }
  return typeof reason === 'string' ? reason.replace(/\.$/, '') : 'the host is not among them'
}

const codeOf = (error: Error): string => {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}
