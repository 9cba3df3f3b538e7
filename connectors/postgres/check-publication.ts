import type { Finding } from '../../core/types.ts'
import type { Facts } from './facts.ts'
import { failure, ok, warning } from './findings.ts'
import { quoteName, quoteText } from './names.ts'
import { createPublicationSql, GENERATED_VERSION, type Publication } from './publication.ts'
import type { Capture } from './settings.ts'

/** Whether the publication brings all kinds of changes; where there is none, whether it can be made. */
export function checkPublication(facts: Facts, capture: Capture): Finding[] {
  const { publication, server } = facts
  if (!publication) return [checkCreation(facts, capture)]
  const subject = `publication ${capture.publication}`
  const findings = checkActions(publication, subject, capture)
  if (server.versionNumber >= GENERATED_VERSION) findings.push(...checkGenerated(facts, subject, capture))
  return findings.length > 0 ? findings : [ok(subject, describe(publication))]
}

const describe = ({ isForAllTables }: Publication): string =>
  isForAllTables
    ? 'exists, for all tables: of later ones without primary key, too, the server will refuse UPDATE and DELETE'
    : 'exists'

function checkActions({ unpublished }: Publication, subject: string, { publication }: Capture): Finding[] {
  if (unpublished.length === 0) return []
  const fix = `ALTER PUBLICATION ${quoteName(publication)} SET (publish = 'insert, update, delete, truncate');`
  return [failure(subject, `leaves out ${unpublished.join(', ')}.`, fix)]
}

function checkGenerated({ publication, candidates }: Facts, subject: string, capture: Capture): Finding[] {
  const tables = candidates.filter(
    table => capture.filter.captures(table) && table.generated.some(({ isStored }) => isStored),
  )
  if (tables.length === 0 || publication?.publishesGenerated) return []
  const fix = `ALTER PUBLICATION ${quoteName(capture.publication)} SET (publish_generated_columns = stored);`
  return [warning(subject, `leaves out generated columns (of ${tables.length} tables).`, fix)]
}

function checkCreation(
  { server, slot, candidates }: Facts,
  { publication, filter, ...capture }: Capture,
): Finding {
  const subject = `publication ${publication}`
  const missing = (message: string, fix: string) => failure(subject, message, fix, 'PUBLICATION_MISSING')
  if (slot) {
    const drop = `SELECT pg_drop_replication_slot(${quoteText(capture.slot)});`
    return missing('is missing, and the slot holds changes from before it can be made.', drop)
  }
  const { isSuperuser, isStandby, user, database, mayCreateInDatabase } = server
  const create = createPublicationSql(publication, filter, { ...server, candidates, isSuperuser: true })
  if (isStandby) return missing('is missing, and a standby cannot make it.', `${create};  -- on the primary`)
  if (isSuperuser) return ok(subject, 'will be created')
  const foreign = candidates.filter(table => filter.captures(table) && !table.isOwned)
  if (foreign.length > 0) {
    const message = `is missing, and ${user} may not publish tables of others (${foreign.length} of them).`
    return missing(message, `${create};  -- as a superuser or the owner`)
  }
  if (mayCreateInDatabase) return ok(subject, 'will be created')
  const grant = `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(user)};`
  return missing(`is missing, and ${user} may not make it.`, grant)
}
