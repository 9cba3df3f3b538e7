import { createHash } from 'node:crypto'

/** How a table is written in settings and messages. */
export const tableName = ({ schema, name }: { schema: string; name: string }): string => `${schema}.${name}`

/** An identifier for SQL and for replication commands: capitals, quotes and spaces kept. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

export const quoteTable = ({ schema, name }: { schema: string; name: string }): string =>
  `${quoteName(schema)}.${quoteName(name)}`

/** A string constant. With `standard_conforming_strings`, which is on since Postgres 9.1, only quotes are special. */
export const quoteText = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Slots may be named with lower-case letters, digits and underscores, 63 at most; publications follow. */
export const defaultSlotName = (connector: string): string =>
  `tributary_${connector.toLowerCase().replace(/[^a-z0-9_]/g, '_')}`.slice(0, 63)

/** Which tables are captured, under which key, and which messages: what the numbering of a transaction's events depends on. */
export function captureFingerprint(
  tables: readonly string[],
  keys: Readonly<Record<string, readonly string[]>>,
  messages: readonly string[] = [],
): string {
  const sortedKeys = Object.entries(keys).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha1')
    .update(JSON.stringify([tables, sortedKeys, ...(messages.length > 0 ? [messages] : [])]))
    .digest('hex')
    .slice(0, 8)
}
