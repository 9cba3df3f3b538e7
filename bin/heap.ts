import { PerformanceObserver } from 'node:perf_hooks'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

// All flags here are read at each collection, so they hold although the heap exists already.

/** How long the process must have done next to nothing, and how much that is. */
const QUIET_MS = 5_000
const QUIET_SHARE = 0.05
/** Both halves of the young generation. Half of this costs a tenth more CPU, twice this 60 MB more at the same speed. */
const YOUNG_BYTES = 32e6

/**
 * Lets the heap grow by need and not by habit. What a worker holds is small and short-lived, but on a machine with
 * much memory V8 lets garbage pile up to several times that: 440 MB where 200 do, at the same speed.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=20')
  limitYoungGeneration()
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
    if (isQuiet && isDue) {
      collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      // Its young generation is as small as can be now, and must be able to grow again.
      limitYoungGeneration()
    }
    isDue = !isQuiet
  }
  setInterval(look, intervalMs).unref()
}

/** Lets the young generation grow up to a size, and there no further: V8 takes such a limit only when it starts. */
function limitYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=2')
  // It may be watching since the last time: a quiet process may never get there.
  growth.disconnect()
  growth.observe({ entryTypes: ['gc'] })
}

const growth = new PerformanceObserver(() => {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')
  if ((young?.space_size ?? 0) < YOUNG_BYTES) return
  setFlagsFromString('--semi-space-growth-factor=1')
  growth.disconnect()
})
