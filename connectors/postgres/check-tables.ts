import type { Finding } from '../../core/types.ts'
import type { Facts } from './facts.ts'
import { failure, ok, warning } from './findings.ts'
import { quoteName, quoteTable, tableName } from './names.ts'
import { type Candidate, GENERATED_VERSION, type Publication } from './publication.ts'
import type { Capture } from './settings.ts'

const MAX_LISTED = 20

/**
 * For names that no table answers to. A slot may hold rows of a table that was dropped since: these are to be read, and
 * a table that is dropped must not keep the others from being read.
 */
const missing = ({ slot }: Facts) => (slot ? warning : failure)

/** What each table that the settings name needs, so that its changes come whole and under a key. */
export function checkTables(facts: Facts, capture: Capture): Finding[] {
  const { candidates, publication } = facts
  const captured = candidates.filter(table => capture.filter.captures(table))
  const findings = captured.flatMap(table =>
    table.isUnlogged
      ? [unlogged(table)]
      : [
          ...checkPublished(table, publication, capture),
          ...checkIdentity(table, publication),
          ...checkGeneratedIdentity(table, facts),
          ...checkPartitions(table),
          ...checkKey(table, facts, capture),
        ],
  )
  const more = captured.length > MAX_LISTED ? ', ...' : ''
  const summary = `${captured.length} captured: ${captured.slice(0, MAX_LISTED).map(tableName).join(', ')}${more}`
  return [
    ok('tables', summary),
    ...checkGlobs(facts, capture),
    ...checkOthers(facts, capture),
    ...checkKeySettings(captured, facts, capture),
    ...findings,
    ...checkBystanders(facts, capture),
  ]
}

function checkGlobs(facts: Facts, { filter }: Capture): Finding[] {
  const { candidates, others } = facts
  return filter.unanswered(candidates).map(glob => {
    const other = others.find(relation => tableName(relation) === glob)
    const fix = `Take it out of source.tables.${other?.kind === 'a partition' ? ' Name the table it is part of.' : ''}`
    if (other) return failure(`tables: ${glob}`, `is ${other.kind}: it has no changes of its own.`, fix)
    // An empty database is no mistake.
    const report = glob === '*.*' ? warning : missing(facts)
    return report(
      `tables: ${glob}`,
      'no table is called so.',
      'Correct source.tables, or create the table first. Names are SCHEMA.TABLE, capitals matter.',
    )
  })
}

/** Foreign tables that a wildcard matches. */
function checkOthers({ others }: Facts, { filter }: Capture): Finding[] {
  return others
    .filter(table => table.kind === 'a foreign table' && filter.captures(table))
    .filter(table => !filter.literal.includes(tableName(table)))
    .map(table => {
      const message = 'is a foreign table: its changes are in the log of another server.'
      return warning(tableName(table), message, `Leave it out: "!${tableName(table)}" in source.tables.`)
    })
}

/** Tables that nobody wants, but whose writers suffer by being published. */
function checkBystanders({ candidates, publication }: Facts, { filter, ...capture }: Capture): Finding[] {
  const published = new Set(publication?.tables.map(tableName))
  return candidates
    .filter(table => !filter.captures(table) && published.has(tableName(table)))
    .filter(table => table.identity !== 'full' && table.identityColumns.length === 0)
    .map(table => {
      const message = `is not captured, but publication ${capture.publication} holds it, and it has no replica identity (${whyWithoutIdentity(table)}): the server refuses UPDATE and DELETE.`
      return warning(tableName(table), message, `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL;`)
    })
}

/**
 * From Postgres 18 on, the server refuses UPDATE and DELETE of a table with REPLICA IDENTITY FULL that has generated columns
 * which are not published; virtual ones never are.
 */
function checkGeneratedIdentity(table: Candidate, { server, publication }: Facts): Finding[] {
  if (server.versionNumber < GENERATED_VERSION || table.identity !== 'full') return []
  if (publication && !publication.tables.some(other => tableName(other) === tableName(table))) return []
  const unpublished = table.generated.filter(
    ({ isStored }) => !isStored || (publication && !publication.publishesGenerated),
  )
  if (unpublished.length === 0) return []
  const names = unpublished.map(({ name }) => name).join(', ')
  const message = `has REPLICA IDENTITY FULL and generated columns that are not published (${names}): while it is published, the server refuses UPDATE and DELETE.`
  const fix = `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT;`
  return [(publication ? warning : failure)(tableName(table), message, fix)]
}

function checkKeySettings(captured: readonly Candidate[], facts: Facts, { keys }: Capture): Finding[] {
  const known = new Set(captured.map(tableName))
  return Object.keys(keys)
    .filter(name => !known.has(name))
    .map(name => missing(facts)(`keys: ${name}`, 'no captured table is called so.', 'Correct source.keys.'))
}

function unlogged(table: Candidate): Finding {
  const fix = `ALTER TABLE ${quoteTable(table)} SET LOGGED;`
  const message = 'is unlogged: its changes are in no log.'
  return { severity: 'warning', subject: tableName(table), message, fix }
}

function checkPublished(table: Candidate, publication: Publication | null, capture: Capture): Finding[] {
  const subject = tableName(table)
  const name = quoteName(capture.publication)
  if (!publication) return []
  if (table.isPartitioned && !publication.viaPartitionRoot) {
    const message = 'is partitioned, and its changes come under the names of its partitions.'
    const fix = `ALTER PUBLICATION ${name} SET (publish_via_partition_root = true);`
    return [{ severity: 'warning', subject, message, fix }]
  }
  const published = publication.tables.find(other => tableName(other) === subject)
  if (!published) {
    // A table that is named must come. One that a wildcard has come to match may have been created a minute ago.
    const severity = capture.filter.literal.includes(subject) ? 'failure' : 'warning'
    const fix = `ALTER PUBLICATION ${name} ADD TABLE ${quoteTable(table)};`
    return [{ severity, subject, message: 'is not in the publication: its changes do not come.', fix }]
  }
  if (!published.isPartial) return []
  const message = 'is published in part: rows or columns are left out by the publication.'
  const fix = `ALTER PUBLICATION ${name} DROP TABLE ${quoteTable(table)}; ALTER PUBLICATION ${name} ADD TABLE ${quoteTable(table)};`
  return [{ severity: 'warning', subject, message, fix }]
}

/**
 * Without a replica identity the server refuses UPDATE and DELETE as soon as a table is published. Publishing such a
 * table would break the application that writes to it, so that is a failure while it can still be avoided.
 */
function checkIdentity(table: Candidate, publication: Publication | null): Finding[] {
  if (table.identity === 'full' || table.identityColumns.length > 0) return []
  const subject = tableName(table)
  if (publication && !publication.tables.some(other => tableName(other) === subject)) return []
  const why = whyWithoutIdentity(table)
  return [
    {
      severity: publication ? 'warning' : 'failure',
      subject,
      message: `has no replica identity (${why}): while it is published, the server refuses UPDATE and DELETE.`,
      fix: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL;  -- or leave it out: "!${subject}"`,
    },
  ]
}

/** REPLICA IDENTITY does not pass from a table to its partitions, and what is logged of old rows is up to each of them. */
function checkPartitions(table: Candidate): Finding[] {
  return table.otherwiseIdentified.map(partition => ({
    severity: 'warning',
    subject: tableName(partition),
    message: `is a partition of ${tableName(table)} with another replica identity: old rows come as it logs them.`,
    fix: `ALTER TABLE ${quoteTable(partition)} REPLICA IDENTITY ${identitySql(table)};`,
  }))
}

/** The index of a partition has a name of its own. */
const identitySql = ({ identity }: Candidate): string =>
  identity === 'index' ? 'USING INDEX INDEX_NAME' : identity.toUpperCase()

function whyWithoutIdentity({ identity, primaryKey, isKeyDeferrable }: Candidate): string {
  if (identity === 'nothing') return 'REPLICA IDENTITY NOTHING'
  if (identity === 'index') return 'its index is gone'
  return primaryKey.length > 0 && isKeyDeferrable ? 'its primary key is deferrable' : 'it has no primary key'
}

function checkKey(table: Candidate, facts: Facts, { keys }: Capture): Finding[] {
  const subject = tableName(table)
  const configured = keys[subject]
  if (configured) return checkConfiguredKey(table, configured, facts)
  const { primaryKey, identity, identityColumns } = table
  if (identity === 'index' && !primaryKey.every(column => identityColumns.includes(column))) {
    const message = `is keyed by its replica identity (${identityColumns.join(', ')}): deletes come without the primary key.`
    return [
      {
        severity: 'warning',
        subject,
        message,
        fix: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY DEFAULT;`,
      },
    ]
  }
  if (primaryKey.length > 0 || identity === 'index') return []
  return [
    {
      severity: 'warning',
      subject,
      message: 'has no primary key: its events have no key, so nobody can tell which row they are about.',
      fix: `ALTER TABLE ${quoteTable(table)} ADD PRIMARY KEY (COLUMN, ...);  -- or set source.keys`,
    },
  ]
}

function checkConfiguredKey(table: Candidate, key: readonly string[], facts: Facts): Finding[] {
  const subject = tableName(table)
  const unknown = key.filter(column => !table.columns.includes(column))
  if (unknown.length > 0) {
    const message = `has no column ${unknown.join(', ')}, which source.keys names.`
    return [missing(facts)(subject, message, 'Correct source.keys.')]
  }
  const { identity, identityColumns } = table
  if (identity === 'full' || key.every(column => identityColumns.includes(column))) return []
  const message = `is keyed by (${key.join(', ')}), which deletes and key changes come without.`
  return [
    { severity: 'failure', subject, message, fix: `ALTER TABLE ${quoteTable(table)} REPLICA IDENTITY FULL;` },
  ]
}
