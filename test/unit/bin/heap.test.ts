import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

const HEAP = new URL('../../../bin/heap.ts', import.meta.url).href

/** Makes garbage until the heap has grown, then waits until it is as small again as before. */
const SCRIPT = `
  import { giveBackWhenQuiet } from ${JSON.stringify(HEAP)}
  giveBackWhenQuiet(100)
  const size = () => process.memoryUsage().heapTotal
  const before = size()
  let kept = []
  while (size() < before + 40e6) kept.push(new Array(1000).fill(kept.length))
  const grown = size()
  kept = []
  setInterval(() => {
    if (size() > before + 10e6) return
    console.log(grown - size() > 30e6)
    process.exit()
  }, 50)
`

/** Is busy and quiet in turns, and counts who watches the collections. */
const TURNS = `
  import { PerformanceObserver } from 'node:perf_hooks'
  import { giveBackWhenQuiet } from ${JSON.stringify(HEAP)}
  const { observe, disconnect } = PerformanceObserver.prototype
  const watching = new Set()
  let began = 0
  PerformanceObserver.prototype.observe = function (options) {
    began++
    watching.add(this)
    observe.call(this, options)
  }
  PerformanceObserver.prototype.disconnect = function () {
    watching.delete(this)
    disconnect.call(this)
  }
  giveBackWhenQuiet(100)
  setInterval(() => {
    const end = performance.now() + 100
    while (performance.now() < end);
    if (began < 4) return
    console.log(watching.size)
    process.exit()
  }, 400)
`

const outputOf = (script: string) =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    timeout: 60_000,
    encoding: 'utf8',
  })

test('however often a process falls quiet, its collections are watched once', () => {
  assert.equal(outputOf(TURNS), '1\n')
})

test('a process that has fallen quiet gives back the memory of its busy time', () => {
  assert.equal(outputOf(SCRIPT), 'true\n')
})
