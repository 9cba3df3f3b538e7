import type { Finding } from '../../core/types.ts'
import type { Facts } from './facts.ts'
import { alterSystem, failure, ok, warning } from './findings.ts'
import { quoteText } from './names.ts'
import type { Capture } from './settings.ts'
import { readerOf, type Slot, slotFault } from './slot.ts'

/** Whether the slot can be read, and what it costs the server. */
export function checkSlot({ slot, server }: Facts, capture: Capture): Finding[] {
  const subject = `slot ${capture.slot}`
  if (!slot) return [ok(subject, 'will be created')]
  const fault = slotFault(slot, server.database)
  if (fault) return [failure(subject, fault.message, fault.fix, fault.code)]
  const findings = [...checkReader(slot, subject), ...checkKept(slot, subject)]
  return findings.length > 0 ? findings : [ok(subject, `exists; ${megabytes(slot)} of log are kept for it`)]
}

function checkReader(slot: Slot, subject: string): Finding[] {
  if (slot.readerPid === null) return []
  const message = `is read by ${readerOf(slot)}; the stream waits until it is free.`
  return [warning(subject, message, `SELECT pg_terminate_backend(${slot.readerPid});`)]
}

/** "pg_replication_slots", wal_status. */
function checkKept(slot: Slot, subject: string): Finding[] {
  const raise = alterSystem('max_slot_wal_keep_size', "'-1'")
  if (slot.walStatus === 'unreserved') {
    const message = `is about to be lost: ${megabytes(slot)} of log are kept for it, more than max_slot_wal_keep_size.`
    return [warning(subject, message, `${raise}  -- and start the connector`)]
  }
  if (slot.walStatus !== 'extended') return []
  const message = `keeps ${megabytes(slot)} of log, more than max_wal_size. Start the connector, or drop the slot for good.`
  const drop = `SELECT pg_drop_replication_slot(${quoteText(slot.name)});  -- only for good: what it holds is lost`
  return [warning(subject, message, drop)]
}

const megabytes = ({ heldBytes }: Slot): string => `${Math.round((heldBytes ?? 0) / (1 << 20))} MB`
