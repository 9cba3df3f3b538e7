import type { Finding } from '../../core/types.ts'
import { checkTables } from './check-tables.ts'
import type { Queries } from './connection.ts'
import { quoteName, quoteText } from './names.ts'
import {
  type Candidate,
  createPublicationSql,
  listCandidates,
  type Publication,
  readPublication,
} from './publication.ts'
import { readServer, type Server } from './server.ts'
import type { Capture } from './settings.ts'
import { readSlot, type Slot } from './slot.ts'

/** What the server has of what is needed. */
export interface Facts {
  readonly server: Server
  readonly slot: Slot | null
  readonly publication: Publication | null
  readonly candidates: readonly Candidate[]
}

const OLDEST_VERSION = 140_000
/** From here on, a standby can decode its log. */
const STANDBY_VERSION = 160_000

/**
 * Looks at everything the connector needs, and changes nothing. What passes by itself (another reader of the slot) is
 * a warning: the stream is tried again then.
 * @throws TributaryError SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED when the server cannot be asked
 */
export async function check(queries: Queries, capture: Capture): Promise<Finding[]> {
  const server = await readServer(queries)
  if (server.versionNumber < OLDEST_VERSION) return [checkVersion(server)]
  const slot = await readSlot(queries, capture.slot)
  const publication = await readPublication(queries, capture.publication)
  const candidates = await listCandidates(queries)
  return judge({ server, slot, publication, candidates }, capture)
}

export function judge(facts: Facts, capture: Capture): Finding[] {
  const { server, slot, publication, candidates } = facts
  return [
    checkVersion(server),
    checkWalLevel(server),
    checkReplicationRight(server),
    ...checkRoom(server, slot),
    slot ? checkSlot(slot, capture, server) : ok(`slot ${capture.slot}`, 'will be created'),
    ...(publication ? checkPublication(publication, capture) : checkCreation(facts, capture)),
    ...checkTables(candidates, publication, capture),
  ]
}

const ok = (subject: string, message: string): Finding => ({ severity: 'ok', subject, message })
const failure = (subject: string, message: string, fix: string): Finding => ({
  severity: 'failure',
  subject,
  message,
  fix,
})
const warning = (subject: string, message: string, fix: string): Finding => ({
  severity: 'warning',
  subject,
  message,
  fix,
})

function checkVersion({ version, versionNumber, isStandby }: Server): Finding {
  if (versionNumber < OLDEST_VERSION) {
    return failure('version', `PostgreSQL ${version} is too old.`, 'Upgrade to PostgreSQL 14 or newer.')
  }
  if (isStandby && versionNumber < STANDBY_VERSION) {
    const message = `This is a standby, and PostgreSQL ${version} decodes its log on a primary only.`
    return failure('version', message, 'Name the primary in source.url.')
  }
  return ok('version', `PostgreSQL ${version}`)
}

function checkWalLevel({ walLevel }: Server): Finding {
  if (walLevel === 'logical') return ok('wal_level', 'logical')
  const message = `is ${walLevel}: the log does not hold what changes of rows are made from.`
  return failure('wal_level', message, 'ALTER SYSTEM SET wal_level = logical;  -- then restart the server')
}

function checkReplicationRight({ user, mayReplicate }: Server): Finding {
  const subject = `role ${user}`
  if (mayReplicate) return ok(subject, 'may replicate')
  const grant = `ALTER ROLE ${quoteName(user)} REPLICATION;  -- Amazon RDS: GRANT rds_replication TO ${quoteName(user)};`
  return failure(subject, 'may not replicate.', grant)
}

function checkRoom(server: Server, slot: Slot | null): Finding[] {
  const { maxSlots, usedSlots, maxSenders, usedSenders } = server
  const findings: Finding[] = []
  if (!slot && usedSlots >= maxSlots) {
    const fix = `ALTER SYSTEM SET max_replication_slots = ${usedSlots + 4};  -- then restart the server`
    findings.push(failure('max_replication_slots', `all ${maxSlots} are in use.`, fix))
  }
  if (!slot?.readerPid && usedSenders >= maxSenders) {
    const fix = `ALTER SYSTEM SET max_wal_senders = ${usedSenders + 4};  -- then restart the server`
    findings.push(warning('max_wal_senders', `all ${maxSenders} are in use.`, fix))
  }
  return findings
}

function checkSlot(found: Slot, { slot }: Capture, { database }: Server): Finding {
  const subject = `slot ${slot}`
  const drop = `SELECT pg_drop_replication_slot(${quoteText(slot)});`
  if (found.type !== 'logical' || found.plugin !== 'pgoutput') {
    const plugin = found.plugin ?? 'no plugin'
    return failure(
      subject,
      `is of another kind (${found.type}, ${plugin}).`,
      `${drop}  -- or set source.slot`,
    )
  }
  if (found.database !== database) {
    const message = `belongs to database ${found.database}.`
    return failure(subject, message, 'Set source.slot to a name that no other database uses.')
  }
  if (found.lostBecause !== null) {
    const message = `was invalidated by the server (${found.lostBecause}): changes since then are lost to it.`
    return failure(subject, message, `${drop}  -- then rebuild the read models`)
  }
  if (found.readerPid !== null) {
    const message = `is read by process ${found.readerPid}; the stream waits until it is free.`
    return warning(subject, message, `SELECT pg_terminate_backend(${found.readerPid});`)
  }
  return ok(subject, 'exists')
}

function checkPublication(found: Publication, { publication }: Capture): Finding[] {
  const subject = `publication ${publication}`
  if (found.unpublished.length === 0) return [ok(subject, 'exists')]
  const fix = `ALTER PUBLICATION ${quoteName(publication)} SET (publish = 'insert, update, delete, truncate');`
  return [failure(subject, `leaves out ${found.unpublished.join(', ')}.`, fix)]
}

function checkCreation(
  { server, slot, candidates }: Facts,
  { publication, filter, ...capture }: Capture,
): Finding[] {
  const subject = `publication ${publication}`
  if (slot) {
    const drop = `SELECT pg_drop_replication_slot(${quoteText(capture.slot)});`
    return [failure(subject, 'is missing, and the slot holds changes from before it can be made.', drop)]
  }
  const { isSuperuser, isStandby, user, database, mayCreateInDatabase } = server
  const create = createPublicationSql(publication, filter, { candidates, isSuperuser: true })
  if (isStandby)
    return [failure(subject, 'is missing, and a standby cannot make it.', `${create};  -- on the primary`)]
  if (isSuperuser) return [ok(subject, 'will be created')]
  const foreign = candidates.filter(table => filter.captures(table) && !table.isOwned)
  if (foreign.length > 0) {
    const message = `is missing, and ${user} may not publish tables of others (${foreign.length} of them).`
    return [failure(subject, message, `${create};  -- as a superuser or the owner`)]
  }
  if (mayCreateInDatabase) return [ok(subject, 'will be created')]
  const grant = `GRANT CREATE ON DATABASE ${quoteName(database)} TO ${quoteName(user)};`
  return [failure(subject, `is missing, and ${user} may not make it.`, grant)]
}
