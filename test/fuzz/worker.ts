import assert from 'node:assert/strict'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parentPort, workerData } from 'node:worker_threads'
import { fuzz } from './fuzzer.ts'
import type { Input, Target } from './target.ts'
import { configTarget } from './targets/config.ts'
import { kafkaTargets } from './targets/kafka.ts'
import { logTargets } from './targets/log.ts'
import { recordsTargets } from './targets/records.ts'
import { positionsTarget, valuesTarget } from './targets/values.ts'
import { type Corpora, Progress, type Report } from './watched.ts'

// The thread in which inputs are read. Whoever started it sees what is being read, and that it goes on.

/** What may be kept of all that was read: caches that fill, code that is compiled. */
const KEPT_BYTES = 24 << 20
/** Of the time, what is given to caches to fill before growth counts. */
const WARM_UP = 0.25
const LONG_RUN_SECONDS = 20

const { seed, seconds, corpora, shared, folder } = workerData as {
  seed: number
  seconds: number
  corpora: Corpora
  shared: SharedArrayBuffer
  folder: string
}

const buffers = (inputs: readonly Input[]): Input[] =>
  inputs.map(parts => parts.map(part => Buffer.from(part)))

const all: readonly Target[] = [
  ...logTargets(buffers(corpora.log)),
  valuesTarget(),
  positionsTarget(),
  ...kafkaTargets(buffers(corpora.fetched)),
  ...(await recordsTargets()),
  configTarget(folder),
]
// In a second there is no room for large inputs.
const targets = seconds < LONG_RUN_SECONDS ? all.map(target => ({ ...target, hostile: [] })) : all

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What is held once all is collected that can be; the runtime lets go of some things in two steps. */
async function heldBytes(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    collect()
    await turn()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const progress = new Progress(shared)
const began = performance.now()
let warmBytes = 0
let inputs = 0
const finding = await fuzz({
  targets,
  seed,
  async next(target, input) {
    const passed = (performance.now() - began) / 1000 / seconds
    if (warmBytes === 0 && passed > WARM_UP) warmBytes = await heldBytes()
    if (passed >= 1) return false
    progress.note(target.name, input)
    inputs++
    return true
  },
})
const grownBytes = (await heldBytes()) - warmBytes
const growth = { target: 'all', what: `${grownBytes} bytes are kept of ${inputs} inputs`, input: [] }
const report: Report = {
  inputs,
  grownBytes,
  finding: finding ?? (grownBytes > KEPT_BYTES ? growth : undefined),
}
assert.ok(parentPort)
parentPort.postMessage(report)
