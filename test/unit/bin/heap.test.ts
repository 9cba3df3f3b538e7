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

test('a process that has fallen quiet gives back the memory of its busy time', () => {
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    timeout: 60_000,
    encoding: 'utf8',
  })
  assert.equal(output, 'true\n')
})
