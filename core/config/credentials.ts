import { z } from 'zod'
import { materialProblems } from '../net/tls.ts'
import { flag } from './values.ts'

// Certificates and logins, the same for every server that is not a database.

export const httpUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine(text => !URL.canParse(text) || !isWithCredentials(text), 'may not hold user and password')

const isWithCredentials = (text: string) => new URL(text).username !== '' || new URL(text).password !== ''

/** Certificates as texts. What is wrong with them is told for each. */
export const tlsBlock = z
  .strictObject({
    ca: z.string().optional().describe('Certificates to trust, PEM; `${file:...}` reads them from a file'),
    cert: z.string().optional().describe('Our certificate, PEM'),
    key: z.string().optional().describe('Our private key, PEM'),
    passphrase: z.string().optional().describe('Opens the private key'),
    servername: z.string().optional().describe('The name to expect in the certificate'),
    rejectUnauthorized: flag.optional().describe('`false` accepts any certificate'),
  })
  .superRefine((material, context) => {
    for (const { part, message } of materialProblems(material)) {
      context.addIssue({ code: 'custom', path: [part], message })
    }
  })

const text = z.string().min(1)
const token = z.string().regex(/^[\x21-\x7e]+$/, 'may hold no blanks, line ends or other signs')

const tokenShape = {
  token: token.optional().describe('Bearer token, as it is'),
  tokenFile: text.optional().describe('File with a bearer token, read anew at each login'),
  tokenUrl: httpUrl.optional().describe('Where tokens are given for client credentials (OAuth 2.0)'),
  clientId: text.optional().describe('With `tokenUrl`: who asks'),
  clientSecret: text.optional().describe('With `tokenUrl`: the secret of who asks'),
  scope: text.optional().describe('With `tokenUrl`: the scope to ask for'),
  tokenCa: z.string().optional().describe('With `tokenUrl`: certificates to trust there, PEM'),
}

export const sasl = z
  .strictObject({
    mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']).describe('How to log in'),
    username: text.optional().describe('User; needed unless the mechanism is `oauthbearer`'),
    password: z.string().optional().describe('Password; use `${NAME}` or `${file:/run/secrets/NAME}`'),
    ...tokenShape,
    extensions: z
      .record(z.string().regex(/^[A-Za-z]+$/, 'may hold letters only'), z.string().regex(/^[\x20-\x7e]+$/))
      .optional()
      .describe('For `oauthbearer`: what the broker wants to know beside the token'),
  })
  .superRefine((login, context) => {
    const isToken = login.mechanism === 'oauthbearer'
    report(context, isToken ? tokenProblems(login, TOKEN_WAYS) : passwordProblems(login))
  })

export const registryAuth = z
  .strictObject({
    username: text.optional().describe('User, for basic authentication'),
    password: z.string().optional().describe('Password'),
    ...tokenShape,
  })
  .superRefine((login, context) => {
    const isBasic = login.username !== undefined
    report(context, isBasic ? passwordProblems(login) : tokenProblems(login, ['username', ...TOKEN_WAYS]))
  })

type Login = Readonly<Record<string, unknown>>
interface Problem {
  readonly setting: string
  readonly message: string
}

const TOKEN_WAYS = ['token', 'tokenFile', 'tokenUrl']
const WITH_URL = ['clientId', 'clientSecret', 'scope', 'tokenCa']

function passwordProblems(login: Login): Problem[] {
  const missing = ['username', 'password'].filter(setting => login[setting] === undefined)
  const foreign = [...TOKEN_WAYS, ...WITH_URL, 'extensions'].filter(setting => login[setting] !== undefined)
  return [
    ...missing.map(setting => ({ setting, message: 'is missing' })),
    ...foreign.map(setting => ({ setting, message: 'does not go with user and password' })),
  ]
}

function tokenProblems(login: Login, ways: readonly string[]): Problem[] {
  const [way, second] = TOKEN_WAYS.filter(setting => login[setting] !== undefined)
  if (way === undefined) return [{ setting: '', message: `must hold one of: ${ways.join(', ')}` }]
  if (second !== undefined) return [{ setting: second, message: `does not go with ${way}` }]
  const foreign = ['username', 'password', ...(way === 'tokenUrl' ? [] : WITH_URL)]
  const missing = way === 'tokenUrl' ? ['clientId', 'clientSecret'] : []
  return [
    ...missing
      .filter(setting => login[setting] === undefined)
      .map(setting => ({ setting, message: 'is missing beside tokenUrl' })),
    ...foreign
      .filter(setting => login[setting] !== undefined)
      .map(setting => ({ setting, message: `does not go with ${way}` })),
  ]
}

function report(context: z.RefinementCtx, problems: readonly Problem[]): void {
  for (const { setting, message } of problems) {
    context.addIssue({ code: 'custom', path: setting === '' ? [] : [setting], message })
  }
}
