import { randomUUID } from 'node:crypto'
import type { Outcome } from './coordinator.ts'

/** One worker's hold of a connector, over all its attempts: each attempt has a sink of its own. */
export interface Tenure {
  /** Tells its checkpoints from another worker's. */
  readonly worker: string
  /** Whether any of its writes is durable. */
  hasWritten: boolean
  /** Offset in the checkpoint topic behind all that was there when the last of its sinks opened. */
  readUntil: number
  /** What is known of a transaction that may hang; the coordinator forgets it as soon as a producer begins. */
  outcome: Outcome
}

export const beginTenure = (): Tenure => ({
  worker: randomUUID(),
  hasWritten: false,
  readUntil: 0,
  outcome: 'none',
})
