import type { ErrorCode } from '../../core/errors.ts'

/** Stands in every value that must not be told; no name holds it. */
export const CANARY = 'CaNaRy'

/** Bytes in their parts: the messages of a log, a schema and its record, or a single text. */
export type Input = readonly Buffer[]

/** Something of ours that reads bytes of others. */
export interface Target {
  readonly name: string
  /** What its errors may be; anything else that is thrown is a finding. */
  readonly codes: readonly ErrorCode[]
  /** Sound inputs, read without an error. */
  readonly corpus: readonly Input[]
  /** Large inputs, read once: what takes the square of their size of time would be stuck in them. */
  readonly hostile: readonly Input[]
  /** Can parts be lost, come twice or change places? */
  readonly isSequence: boolean
  /** Inputs in a round of all targets: more where reading is quick, and where there is more to find. */
  readonly turns: number
  /** Bytes that memory may grow by for one byte of input, beside a fixed allowance. */
  readonly growth: number
  read(input: Input): Promise<void> | void
  /** Has the damage made a name of a value? Names may be told. */
  tellsCanary?(input: Input): boolean
}
