import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** MiB of each half of the young generation: less costs CPU (8: a sixth more), V8's own size memory, and gains nothing. */
const YOUNG = '--max-semi-space-size=12'
/** How long the process must have done next to nothing, and how much that is. */
const QUIET_MS = 5_000
const QUIET_SHARE = 0.05

/**
 * Starts this program anew in the same process, with a limit that V8 takes only when it starts; does nothing where that
 * has been done, or cannot be done (Windows). What a worker holds is small and short-lived, but on a machine with much
 * memory V8 lets garbage pile up to several times that.
 */
export function beginWithSmallHeap(): void {
  const { execArgv, execPath, argv, env } = process
  const flags = [...execArgv, env.NODE_OPTIONS ?? '']
  if (!process.execve || flags.some(flag => flag.includes('--max-semi-space-size'))) return
  process.execve(execPath, [execPath, YOUNG, ...execArgv, ...argv.slice(1)], env)
}

/** For as long as the process lives. */
export function keepHeapSmall(): void {
  // Read at each collection, so it holds although the heap exists already: the old generation grows by need.
  setFlagsFromString('--heap-growing-percent=20')
  giveBackWhenQuiet(QUIET_MS)
}

/**
 * What starting or a busy time leaves behind is given back to the system once the process is quiet: V8 collects by
 * allocation, so a worker that has nothing to do would keep it for ever. That collection stands still for some 30 ms,
 * once each time the process falls quiet.
 */
export function giveBackWhenQuiet(intervalMs: number): void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: object) => void
  let spent = process.cpuUsage()
  let isDue = true
  const look = () => {
    const { user, system } = process.cpuUsage(spent)
    spent = process.cpuUsage()
    const isQuiet = (user + system) / 1_000 < intervalMs * QUIET_SHARE
    if (isQuiet && isDue) collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    isDue = !isQuiet
  }
  setInterval(look, intervalMs).unref()
}
