import { z } from 'zod'
import { flag, wholeNumber } from '../../core/config/values.ts'
import { serverOf } from './dial.ts'
import { encryptionProblems, tlsSettings } from './encryption.ts'
import { captureFingerprint, defaultSlotName } from './names.ts'
import { TableFilter } from './table-filter.ts'

const TABLE_GLOB = /^!?.+\..+$/s

/** The driver would fail on it at every connection, as on something that may pass. */
function isDecodable(url: string): boolean {
  const { username, password, hostname, pathname } = URL.parse(url) ?? {}
  try {
    return [username, password, hostname, pathname].every(part => decodeURIComponent(part ?? '') !== null)
  } catch {
    return false
  }
}

/** libpq takes several and tries them in turn. A slot is on one server. */
function namesOneHost(url: string): boolean {
  const authority = /^[^/]*\/\/(?:[^/?#]*@)?([^/?#]*)/.exec(url)?.[1] ?? ''
  return !`${authority}${URL.parse(url)?.searchParams.get('host') ?? ''}`.includes(',')
}

/** The `source` block of a connector file whose `type` is `postgres`. */
export const postgresSettings = z
  .strictObject({
    type: z.literal('postgres').describe('PostgreSQL 14 or newer, and what speaks its protocol'),
    url: z
      .string()
      .regex(/^postgres(ql)?:\/\//, 'must begin with postgres://')
      .refine(namesOneHost, {
        error:
          'names several hosts; name the one that is to be read, or one that always leads to the primary',
        abort: true,
      })
      .refine(
        text => URL.canParse(text),
        'is no URL; in user and password, characters such as / # @ are written as %2F %23 %40',
      )
      .refine(isDecodable, 'holds a % that begins no code; write it as %25')
      .describe('`postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with libpq’s parameters for TLS'),
    password: z
      .string()
      .min(1)
      .optional()
      .describe('In place of the one in `url`, and as it is: nothing in it is written as %XX'),
    tls: tlsSettings.optional().describe('How the link is secured, in place of parameters in `url`'),
    tables: z
      .array(z.string().regex(TABLE_GLOB, 'must be SCHEMA.TABLE; * and ? are wildcards, ! excludes'))
      .min(1)
      .default(['*.*'])
      .describe('Tables to capture: globs of `schema.table`; those that begin with `!` exclude'),
    keys: z
      .record(
        z.string().regex(/^.+\..+$/s, 'must be SCHEMA.TABLE'),
        z.array(z.string().min(1)).min(1).describe('Columns of the key, in order'),
      )
      .default({})
      .describe('Keys other than the primary key: `schema.table: [column, ...]`'),
    slot: z
      .string()
      .regex(/^[a-z0-9_]{1,63}$/, 'may hold lower-case letters, digits and _, at most 63')
      .optional()
      .describe('Replication slot, created if it is missing; default: `tributary_` and the connector’s name'),
    publication: z
      .string()
      .min(1)
      .max(63)
      .optional()
      .describe('Publication, created if it is missing, else used as it is; default: as the slot'),
    failover: z
      .boolean()
      .default(false)
      .describe(
        'The slot is kept on standbys too, so that the stream goes on after a failover; PostgreSQL 17 or newer',
      ),
    acceptSystem: z
      .string()
      .regex(/^\d{1,20}$/, 'must be a system identifier, in quotes')
      .optional()
      .describe(
        'Go on at the slot’s place when this server (its system identifier) has replaced that of the checkpoint',
      ),
    messages: z
      .union([flag.transform(isOn => (isOn ? ['*'] : [])), z.array(z.string().min(1)).min(1)])
      .default([])
      .describe(
        'Publish what applications write with `pg_logical_emit_message`: `true`, or globs of prefixes',
      ),
    decimals: z
      .enum(['precise', 'string'])
      .default('precise')
      .describe('`precise`: numeric(p,s) as Avro decimal; `string`: every numeric as its exact text'),
    heartbeatMs: wholeNumber(100, 3_600_000)
      .default(10_000)
      .describe(
        'How often progress is noted while no captured table changes, so that the server can remove log',
      ),
  })
  .superRefine((settings, context) => {
    for (const problem of encryptionProblems(settings))
      context.addIssue({ code: 'custom', ...problem, path: [...problem.path] })
  })

export type PostgresSettings = z.output<typeof postgresSettings>

/** The settings with what follows from them and from the connector's name. */
export interface Capture extends PostgresSettings {
  readonly connector: string
  readonly slot: string
  readonly publication: string
  readonly filter: TableFilter
  /** Tells apart settings under which a transaction's events are numbered differently. */
  readonly fingerprint: string
  /** Begins every message about this connector. */
  readonly where: string
}

export function resolveSettings(settings: PostgresSettings, connector: string): Capture {
  const slot = settings.slot ?? defaultSlotName(connector)
  return {
    ...settings,
    url: named(settings.url, connector),
    connector,
    slot,
    publication: settings.publication ?? slot,
    filter: new TableFilter(settings.tables),
    fingerprint: captureFingerprint(settings.tables, settings.keys, settings.messages),
    where: `Connector ${connector}, slot ${slot}`,
  }
}

/** Slots belong to the server, whatever database they read, and have one reader. */
export function claims(settings: PostgresSettings, connector: string): string[] {
  const { host, port } = serverOf(settings.url)
  return [`slot ${settings.slot ?? defaultSlotName(connector)} of ${host.toLowerCase()}:${port}`]
}

/** With the connector's name in the sessions' own, so that whoever looks at a slot knows whose it is. */
function named(sourceUrl: string, connector: string): string {
  const url = new URL(sourceUrl)
  if (!url.searchParams.has('application_name')) {
    url.searchParams.set('application_name', `tributary ${connector}`)
  }
  return url.href
}
