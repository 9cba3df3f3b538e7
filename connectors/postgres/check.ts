import type { Finding } from '../../core/types.ts'
import { checkLink } from './check-link.ts'
import { checkPublication } from './check-publication.ts'
import { checkServer, OLDEST_VERSION } from './check-server.ts'
import { checkSlot } from './check-slot.ts'
import { checkTables } from './check-tables.ts'
import type { Queries } from './connection.ts'
import type { Facts } from './facts.ts'
import { listCandidates, listOthers, readPublication } from './publication.ts'
import { readServer } from './server.ts'
import type { Capture } from './settings.ts'
import { readSlot } from './slot.ts'
import { listTransactions } from './transactions.ts'

export interface CheckOptions {
  /** From this age on, an open transaction is told of. */
  readonly oldTransactionMs: number
}

const DEFAULTS: CheckOptions = { oldTransactionMs: 3_600_000 }

/**
 * Looks at everything the connector needs, and changes nothing. What passes by itself (another reader of the slot) is
 * a warning: the stream is tried again then.
 * @throws TributaryError SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED, SOURCE_POOLED when the server cannot be asked
 */
export async function check(
  queries: Queries,
  capture: Capture,
  options: CheckOptions = DEFAULTS,
): Promise<Finding[]> {
  const server = await readServer(queries)
  const facts = { server, slot: null, publication: null, candidates: [], others: [], transactions: [] }
  if (server.versionNumber < OLDEST_VERSION || !server.hasOurSession) return checkServer(facts, capture)
  const findings = judge(
    {
      server,
      slot: await readSlot(queries, capture.slot),
      publication: await readPublication(queries, capture.publication),
      candidates: await listCandidates(queries),
      others: await listOthers(queries, capture.filter.literal),
      transactions: await listTransactions(queries, options.oldTransactionMs),
    },
    capture,
  )
  return [...checkLink(queries.exposure), ...findings]
}

export function judge(facts: Facts, capture: Capture): Finding[] {
  return [
    ...checkServer(facts, capture),
    ...checkSlot(facts, capture),
    ...checkPublication(facts, capture),
    ...checkTables(facts, capture),
  ]
}
