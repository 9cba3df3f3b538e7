import type { Candidate, OtherRelation, Publication } from './publication.ts'
import type { Server } from './server.ts'
import type { Slot } from './slot.ts'
import type { OpenTransaction } from './transactions.ts'

/** What the server has of what is needed. */
export interface Facts {
  readonly server: Server
  readonly slot: Slot | null
  readonly publication: Publication | null
  readonly candidates: readonly Candidate[]
  readonly others: readonly OtherRelation[]
  /** Those that are older than usual, the oldest first. */
  readonly transactions: readonly OpenTransaction[]
}
