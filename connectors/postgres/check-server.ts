import type { Finding } from '../../core/types.ts'
import type { Facts } from './facts.ts'
import { alterSystem, failure, ok, warning } from './findings.ts'
import { quoteName, quoteText } from './names.ts'
import type { Server } from './server.ts'
import type { Capture } from './settings.ts'
import { FAILOVER_VERSION } from './slot.ts'
import type { OpenTransaction } from './transactions.ts'

export const OLDEST_VERSION = 140_000
/** From here on, a standby can decode its log. */
const STANDBY_VERSION = 160_000
const MIN_SENDER_TIMEOUT_MS = 10_000
const MIN_SLOT_WAL_MB = 1_024
const MIN_WORK_MEM_KB = 64 << 10

/** What the server as a whole must have, and the role. */
export function checkServer({ server, slot, transactions }: Facts, capture: Capture): Finding[] {
  const version = checkVersion(server)
  if (version.severity === 'failure') return [version]
  return [
    version,
    checkWalLevel(server),
    checkReplicationRight(server),
    ...checkRoom(server, { hasSlot: slot !== null, isRead: slot?.readerPid != null }),
    ...checkTimeouts(server),
    ...checkKeptLog(server),
    ...checkEncoding(server),
    ...checkWorkMem(server),
    ...checkFailover(server, { isFailover: slot?.isFailover ?? false, wanted: capture.failover }),
    ...transactions.map(checkTransaction),
  ]
}

function checkVersion({ version, versionNumber, isStandby, hasOurSession }: Server): Finding {
  if (!hasOurSession) {
    const message = 'settings of the session do not reach the server: a pooler stands before it.'
    const fix = 'Name the database server itself in source.url, not the pooler.'
    return failure('connection', message, fix, 'SOURCE_POOLED')
  }
  if (versionNumber < OLDEST_VERSION) {
    return failure('version', `PostgreSQL ${version} is too old.`, 'Upgrade to PostgreSQL 14 or newer.')
  }
  if (isStandby && versionNumber < STANDBY_VERSION) {
    const message = `This is a standby, and PostgreSQL ${version} decodes its log on a primary only.`
    return failure('version', message, 'Name the primary in source.url.')
  }
  return ok('version', `PostgreSQL ${version}${isStandby ? ', a standby' : ''}`)
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

function checkRoom(server: Server, slot: { hasSlot: boolean; isRead: boolean }): Finding[] {
  const { maxSlots, usedSlots, maxSenders, usedSenders } = server
  const findings: Finding[] = []
  if (!slot.hasSlot && usedSlots >= maxSlots) {
    const fix = `ALTER SYSTEM SET max_replication_slots = ${usedSlots + 4};  -- then restart the server`
    findings.push(failure('max_replication_slots', `all ${maxSlots} are in use.`, fix))
  }
  if (!slot.isRead && usedSenders >= maxSenders) {
    const fix = `ALTER SYSTEM SET max_wal_senders = ${usedSenders + 4};  -- then restart the server`
    findings.push(warning('max_wal_senders', `all ${maxSenders} are in use.`, fix))
  }
  return findings
}

function checkTimeouts({ walSenderTimeoutMs, idleSlotTimeoutSeconds }: Server): Finding[] {
  const findings: Finding[] = []
  if (walSenderTimeoutMs < MIN_SENDER_TIMEOUT_MS) {
    const message =
      walSenderTimeoutMs === 0
        ? 'is 0: the slot of a worker whose machine is gone is never given free.'
        : `is ${walSenderTimeoutMs} ms: a short pause of the worker or the network ends the stream.`
    findings.push(warning('wal_sender_timeout', message, alterSystem('wal_sender_timeout', "'60s'")))
  }
  if (idleSlotTimeoutSeconds > 0) {
    const message = `is ${idleSlotTimeoutSeconds} s: the slot is lost when the connector is stopped for longer.`
    findings.push(
      warning('idle_replication_slot_timeout', message, alterSystem('idle_replication_slot_timeout', '0')),
    )
  }
  return findings
}

function checkKeptLog({ maxSlotWalMb }: Server): Finding[] {
  const subject = 'max_slot_wal_keep_size'
  if (maxSlotWalMb < 0) return [ok(subject, 'no limit: while the connector is stopped, log is kept for it')]
  if (maxSlotWalMb >= MIN_SLOT_WAL_MB) {
    return [ok(subject, `the slot is lost when the connector falls ${maxSlotWalMb} MB behind`)]
  }
  const message = `is ${maxSlotWalMb} MB: the slot is lost when the connector falls so far behind.`
  return [warning(subject, message, alterSystem(subject, "'10GB'"))]
}

function checkEncoding({ encoding, database }: Server): Finding[] {
  if (encoding !== 'SQL_ASCII') return []
  const message = 'is SQL_ASCII, which may hold any bytes: a text that is not UTF-8 stops the connector.'
  const fix = `CREATE DATABASE ${quoteName(`${database}_utf8`)} ENCODING 'UTF8' TEMPLATE template0;  -- and move the tables there`
  return [warning('encoding', message, fix)]
}

function checkWorkMem({ decodingWorkMemKb }: Server): Finding[] {
  if (decodingWorkMemKb >= MIN_WORK_MEM_KB) return []
  const subject = 'logical_decoding_work_mem'
  const message = `is ${decodingWorkMemKb} kB: larger transactions are written to the server's disk before they are sent.`
  return [warning(subject, message, alterSystem(subject, "'64MB'"))]
}

/** From version 17 on, a slot can outlive its server: standbys keep a copy of it. */
function checkFailover(server: Server, slot: { isFailover: boolean; wanted: boolean }): Finding[] {
  const { versionNumber, isStandby, physicalSlots, synchronizedStandbySlots } = server
  const cannot = 'Set source.failover to false.'
  if (isStandby) {
    const findings = server.hotStandbyFeedback ? [] : [checkFeedback()]
    if (!slot.wanted) return findings
    return [failure('failover', 'a slot of a standby cannot be copied to others.', cannot), ...findings]
  }
  if (versionNumber < FAILOVER_VERSION) {
    return slot.wanted ? [failure('failover', 'needs PostgreSQL 17 or newer.', cannot)] : []
  }
  if (!slot.wanted && !slot.isFailover) {
    if (physicalSlots.length === 0) return []
    const message = `the server has standbys (${physicalSlots.join(', ')}), and the slot will not be there after a failover.`
    return [
      warning(
        'failover',
        message,
        'Set source.failover to true, and sync_replication_slots = on on the standbys.',
      ),
    ]
  }
  const awaited = synchronizedStandbySlots.split(/\s*,\s*/).filter(name => name !== '' && name !== '*')
  const absent = awaited.filter(name => !physicalSlots.includes(name))
  if (absent.length > 0) return [checkAbsent(absent, physicalSlots)]
  if (physicalSlots.length === 0 || awaited.length > 0) return []
  const message =
    'is empty: changes are published that a standby may not have yet, and lacks after a failover.'
  const value = quoteText(physicalSlots.join(', '))
  return [warning('synchronized_standby_slots', message, alterSystem('synchronized_standby_slots', value))]
}

function checkAbsent(absent: readonly string[], present: readonly string[]): Finding {
  const message = `names ${absent.join(', ')}, which no standby reads: changes are held back until one does.`
  const value = quoteText(present.join(', '))
  return warning('synchronized_standby_slots', message, alterSystem('synchronized_standby_slots', value))
}

function checkFeedback(): Finding {
  const message =
    'is off: the primary removes rows of its catalog that the slot here needs, and the slot is lost.'
  return warning('hot_standby_feedback', message, alterSystem('hot_standby_feedback', 'on'))
}

function checkTransaction({ preparedId, database, ageSeconds, pid }: OpenTransaction): Finding {
  const age = `has been open for ${Math.round(ageSeconds / 60)} minutes: no log is removed from its beginning on.`
  if (preparedId === null) {
    const subject = `transaction of process ${pid}`
    return warning(subject, age, `SELECT pg_terminate_backend(${pid});  -- if it is forgotten`)
  }
  const name = quoteText(preparedId)
  const fix = `ROLLBACK PREPARED ${name};  -- or COMMIT PREPARED ${name}; in database ${database}`
  return warning(`prepared transaction ${preparedId}`, age, fix)
}
