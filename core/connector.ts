import type { BatchLimits } from './batcher.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'

/** What a connector is given beside its settings. */
export interface SourceDeps {
  /** The connector's name, from its file. */
  readonly name: string
  readonly clock: Clock
  readonly log: Logger
  readonly batchLimits?: BatchLimits
}
