import { z } from 'zod'
import { materialProblems } from '../../core/net/tls.ts'

// What is asked for, in libpq's words and with libpq's meanings ("SSL Support", libpq-ssl; "Parameter Key Words",
// libpq-connect). The driver knows the words and means other things by them, so none of them is left to it.

/**
 * disable: never encrypted. allow: only if the server refuses us without. prefer: if the server offers it. require:
 * always. verify-ca: and an authority of ours has signed the certificate. verify-full: and it names the host.
 * Whatever the mode, an authority that is named is held against the certificate.
 */
export const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

/** The block `source.tls`. */
export const tlsSettings = z.strictObject({
  mode: z.enum(SSL_MODES).optional().describe('As libpq’s `sslmode`; default: `verify-full`'),
  ca: z
    .string()
    .optional()
    .describe('Authorities to trust: PEM (`${file:...}` reads a file), or `system` for those of the system'),
  cert: z.string().optional().describe('Our certificate, PEM'),
  key: z.string().optional().describe('Our private key, PEM'),
  passphrase: z.string().optional().describe('Opens the private key'),
  crl: z.string().optional().describe('Certificates that were revoked, PEM'),
})

export type TlsSettings = z.output<typeof tlsSettings>

/** Where a text stands: here, or in a file that is read at each connection. */
export type Place = { readonly text: string } | { readonly file: string }

export interface Encryption {
  readonly mode: SslMode
  /** TLS from the first byte on (Postgres 17), without asking. */
  readonly isDirect: boolean
  /** Whether the login is tied to the certificate that we see (SCRAM-SHA-256-PLUS). */
  readonly channelBinding: 'disable' | 'prefer' | 'require'
  readonly sendsHostName: boolean
  readonly minVersion: string | null
  readonly maxVersion: string | null
  readonly ca: 'system' | Place | null
  readonly cert: Place | null
  readonly key: Place | null
  readonly crl: Place | null
  readonly passphrase: string | null
  /** How the settings are called where they stand, for messages. */
  readonly called: { readonly mode: string; readonly ca: string; readonly cert: string; readonly key: string }
}

/** `sslmode` and its kin. The driver gets none of them. */
export const LINK_PARAMETERS = [
  'ssl',
  'sslmode',
  'sslnegotiation',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'sslpassword',
  'sslcrl',
  'sslsni',
  'sslcompression',
  'ssl_min_protocol_version',
  'ssl_max_protocol_version',
  'channel_binding',
  'gssencmode',
] as const

/**
 * libpq takes these as well, and they would weaken or break a link, or lead it elsewhere, if they were passed over in
 * silence.
 */
const UNSUPPORTED = [
  'requiressl',
  'sslcertmode',
  'sslcrldir',
  'require_auth',
  'uselibpqcompat',
  'hostaddr',
  'service',
  'target_session_attrs',
]

const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ssl: ['true'],
  sslmode: SSL_MODES,
  sslnegotiation: ['postgres', 'direct'],
  channel_binding: ['disable', 'prefer', 'require'],
  sslsni: ['0', '1'],
  ssl_min_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  ssl_max_protocol_version: ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'],
  gssencmode: ['disable', 'prefer'],
}

const WEAK: readonly SslMode[] = ['disable', 'allow', 'prefer']

interface Asked {
  readonly url: string
  readonly tls?: TlsSettings | undefined
}

export interface EncryptionProblem {
  readonly path: readonly string[]
  readonly message: string
}

export function encryptionOf({ url, tls }: Asked): Encryption {
  const given = parametersOf(url)
  const file = (name: string): Place | null => (given.has(name) ? { file: given.get(name) as string } : null)
  const text = (value: string | undefined): Place | null => (value === undefined ? null : { text: value })
  const common = {
    isDirect: given.get('sslnegotiation') === 'direct',
    channelBinding: (given.get('channel_binding') ?? 'prefer') as Encryption['channelBinding'],
    sendsHostName: given.get('sslsni') !== '0',
    minVersion: given.get('ssl_min_protocol_version') ?? null,
    maxVersion: given.get('ssl_max_protocol_version') ?? null,
  }
  if (tls) {
    return {
      ...common,
      mode: tls.mode ?? 'verify-full',
      ca: tls.ca === 'system' ? 'system' : text(tls.ca),
      cert: text(tls.cert),
      key: text(tls.key),
      crl: text(tls.crl),
      passphrase: tls.passphrase ?? null,
      called: calledIn(name => `source.tls.${name}`),
    }
  }
  return {
    ...common,
    mode: modeIn(given),
    ca: given.get('sslrootcert') === 'system' ? 'system' : file('sslrootcert'),
    cert: file('sslcert'),
    key: file('sslkey'),
    crl: file('sslcrl'),
    passphrase: given.get('sslpassword') ?? null,
    called: calledIn(name => `${URL_NAMES[name]} in source.url`),
  }
}

type Part = keyof Encryption['called']
const URL_NAMES: Readonly<Record<Part, string>> = {
  mode: 'sslmode',
  ca: 'sslrootcert',
  cert: 'sslcert',
  key: 'sslkey',
}
const calledIn = (name: (part: Part) => string): Encryption['called'] => ({
  mode: name('mode'),
  ca: name('ca'),
  cert: name('cert'),
  key: name('key'),
})

function modeIn(given: ReadonlyMap<string, string>): SslMode {
  const asked = given.get('sslmode') ?? (given.get('ssl') === 'true' ? 'require' : undefined)
  return (asked as SslMode) ?? (given.get('sslrootcert') === 'system' ? 'verify-full' : 'prefer')
}

/** Empty ones count as not given, as in libpq. */
function parametersOf(url: string): ReadonlyMap<string, string> {
  return new Map([...new URL(url).searchParams].filter(([, value]) => value !== ''))
}

/** What cannot be meant, told with the other mistakes of the file. Of what is no URL nothing is told here. */
export function encryptionProblems({ url, tls }: Asked): EncryptionProblem[] {
  if (!URL.canParse(url)) return []
  const given = parametersOf(url)
  const problems = parameterProblems(given).map(message => ({ path: ['url'], message }))
  if (problems.length > 0) return problems
  const both = LINK_PARAMETERS.find(name => /^ssl(?!negotiation|sni|_m)/.test(name) && given.has(name))
  if (tls && both) return [{ path: ['tls'], message: `says what ${both} in source.url says too` }]
  return [...modeProblems({ url, tls }), ...(tls ? textProblems(tls) : [])]
}

function parameterProblems(given: ReadonlyMap<string, string>): string[] {
  const problems = UNSUPPORTED.filter(name => given.has(name)).map(name => `${name} is not known here`)
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const value = given.get(name)
    if (value !== undefined && !allowed.includes(value)) {
      problems.push(`${name} must be one of: ${allowed.join(', ')}`)
    }
  }
  if (given.has('sslcert') && !given.has('sslkey')) problems.push('sslcert needs sslkey beside it')
  if (given.has('sslkey') && !given.has('sslcert')) problems.push('sslkey needs sslcert beside it')
  return problems
}

/** Combinations that libpq refuses, too. */
function modeProblems(asked: Asked): EncryptionProblem[] {
  const { mode, ca, isDirect, channelBinding, called } = encryptionOf(asked)
  const path = asked.tls ? ['tls'] : ['url']
  const at = (message: string): EncryptionProblem[] => [{ path, message }]
  if (mode.startsWith('verify') && ca === null) {
    return at(`${mode} needs ${called.ca}: certificates to trust, or \`system\``)
  }
  if (ca === 'system' && mode !== 'verify-full') {
    return at(
      `${called.ca} is \`system\`, whose authorities sign for anybody: ${called.mode} must be verify-full`,
    )
  }
  if (isDirect && WEAK.includes(mode)) return at(`sslnegotiation=direct needs ${called.mode} require or more`)
  if (channelBinding === 'require' && mode === 'disable') {
    return at(`channel_binding=require needs TLS, and ${called.mode} is disable`)
  }
  return []
}

const textProblems = ({ ca, ...ours }: TlsSettings): EncryptionProblem[] =>
  materialProblems({ ...ours, ca: ca === 'system' ? null : ca }).map(({ part, message }) => ({
    path: ['tls', part],
    message,
  }))
