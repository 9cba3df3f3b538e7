import { setImmediate as turn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { TributaryError } from '../../core/errors.ts'
import { Dice } from '../connectors/postgres/workload.ts'
import { mutateParts } from './mutations.ts'
import { CANARY, type Input, type Target } from './target.ts'

/** Pools of the runtime and what has not been collected yet. */
const ALLOWANCE_BYTES = 16 << 20
/** The runtime gives back what decompressors held in turns of its own. */
const INPUTS_A_TURN = 32

export interface FuzzOptions {
  readonly targets: readonly Target[]
  readonly seed: number
  /** Called before each input; false ends the run. */
  readonly next: (target: Target, input: Input) => Promise<boolean> | boolean
}

/** What the run found; undefined: nothing. */
export type Finding = { readonly target: string; readonly what: string; readonly input: Input } | undefined

/**
 * Feeds sound inputs, hostile ones and then damaged ones to
 * the targets, the last by turns until something is found or `next` says that it is enough.
 */
export async function fuzz({ targets, seed, next }: FuzzOptions): Promise<Finding> {
  for (const target of targets) {
    for (const input of target.corpus) {
      const what = await faultOf(target, input)
      if (what !== undefined) return { target: target.name, what: `a sound input: ${what}`, input }
    }
    for (const input of target.hostile) {
      if (!(await next(target, input))) return undefined
      const what = await faultOf(target, input, target.codes)
      if (what !== undefined)
        return { target: target.name, what, input: input.map(part => part.subarray(0, 99)) }
    }
  }
  const dice = new Dice(seed)
  const turns = targets.flatMap(target => Array.from({ length: target.turns }, () => target))
  for (let count = 0; ; count++) {
    if (count % INPUTS_A_TURN === 0) await turn()
    const target = turns[count % turns.length] as Target
    const input = mutateParts(dice.pick(target.corpus), dice, target.isSequence)
    if (!(await next(target, input))) return undefined
    const what = await faultOf(target, input, target.codes)
    if (what !== undefined) return { target: target.name, what, input }
  }
}

/** Reads the input; returns what is wrong with how it went. */
async function faultOf(
  target: Target,
  input: Input,
  codes: readonly string[] = [],
): Promise<string | undefined> {
  const before = getHeapStatistics().external_memory
  const copies = input.map(part => Buffer.from(part))
  try {
    const reading = target.read(copies)
    if (reading) await reading
  } catch (thrown) {
    if (!(thrown instanceof TributaryError)) return `threw ${thrown instanceof Error ? thrown.stack : thrown}`
    if (!codes.includes(thrown.code)) return `threw ${thrown.code}: ${thrown.stack}`
    if (target.tellsCanary?.(input)) return undefined
    if (chainOf(thrown).some(({ message }) => message.includes(CANARY)))
      return `told a value: ${thrown.stack}`
  }
  const grown = getHeapStatistics().external_memory - before
  const length = input.reduce((sum, part) => sum + part.length, 0)
  if (grown > ALLOWANCE_BYTES + target.growth * length) return `took ${grown} bytes for ${length}`
  return undefined
}

function chainOf(thrown: unknown): Error[] {
  return thrown instanceof Error ? [thrown, ...chainOf(thrown.cause)] : []
}
