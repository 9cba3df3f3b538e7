import { TributaryError } from '../core/errors.ts'
import type { HttpTls } from '../core/net/http.ts'
import { materialProblems, type TlsFailure } from '../core/net/tls.ts'
import { type TokenSettings, tokenSource } from '../core/net/token.ts'

// How a registry is reached: its address, TLS and logins.

/** User and password, or a way to a bearer token: `token`, `tokenFile`, or `tokenUrl` with its client. */
export interface RegistryAuth extends TokenSettings {
  readonly username?: string | undefined
  readonly password?: string | undefined
}

export type RegistryTls = HttpTls

/** Base URL without credentials, so that it can be shown. */
export function splitUrl({ url, auth }: { readonly url: string; readonly auth?: RegistryAuth | undefined }): {
  base: string
  auth: RegistryAuth | undefined
} {
  const parsed = URL.parse(url)
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new TributaryError('CONFIG_INVALID', 'registry.url is no URL that begins with http:// or https://.')
  }
  const { username, password } = parsed
  parsed.username = ''
  parsed.password = ''
  const fromUrl =
    username === '' ? undefined : { username: decodePart(username), password: decodePart(password) }
  return { base: parsed.href.replace(/\/+$/, ''), auth: auth ?? fromUrl }
}

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    const message = 'registry.url holds a % in user or password that begins no code; write it as %25.'
    throw new TributaryError('CONFIG_INVALID', message)
  }
}

type Header = { readonly authorization?: string } | { readonly failure: string; readonly isPassing: boolean }

/** What goes into the header of that name. */
export interface Authorization {
  header(): Promise<Header>
  /** Whether another attempt would be made with something else. */
  renew(): boolean
}

export function authorizationOf(auth: RegistryAuth | undefined): Authorization {
  if (auth?.username !== undefined) {
    const pair = `${auth.username}:${auth.password ?? ''}`
    const authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    return { header: async () => ({ authorization }), renew: () => false }
  }
  if (!auth) return { header: async () => ({}), renew: () => false }
  if (auth.token !== undefined && !/^[\x21-\x7e]+$/.test(auth.token)) {
    throw new TributaryError('CONFIG_INVALID', 'registry.auth.token holds blanks, line ends or other signs.')
  }
  const source = tokenSource(auth)
  let sent = ''
  return {
    header: async () => {
      const answer = await source.get()
      if ('failure' in answer) return answer
      sent = answer.token
      return { authorization: `Bearer ${sent}` }
    },
    renew: () => source.renew(sent),
  }
}

/** Told here, since the system's words for it would come at every request. */
export function soundTls(tls: RegistryTls | undefined): RegistryTls | undefined {
  const [problem] = materialProblems(tls ?? {})
  if (!problem) return tls
  throw new TributaryError('CONFIG_INVALID', `registry.tls.${problem.part} ${problem.message}.`)
}

/** What mends it, by what is wrong. */
export const TLS_ADVICE: Readonly<Record<TlsFailure['about'], string>> = {
  authority: 'Name the certificate of its authority by registry.tls.ca.',
  name: 'Name the host in registry.url as the certificate does, or set registry.tls.servername.',
  validity: 'It has to be mended on the registry.',
  client: 'See registry.tls.cert and registry.tls.key.',
  protocol: 'See registry.url.',
}
