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

const outputOf = (script: string, ...words: readonly string[]) =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', script, '--', ...words], {
    timeout: 60_000,
    encoding: 'utf8',
  })

test('a process that has fallen quiet gives back the memory of its busy time', () => {
  assert.equal(outputOf(SCRIPT), 'true\n')
})

test('a program begins again once, as the same process, with a small young generation', () => {
  const script = `
    import { beginWithSmallHeap } from ${JSON.stringify(HEAP)}
    console.log(process.pid)
    beginWithSmallHeap()
    console.log(process.pid, process.execArgv[0], process.argv.slice(1).join())
  `
  const output = outputOf(script, 'run', 'x')
  const [first, second, third, ...more] = output.trim().split('\n')
  assert.equal(second, first)
  assert.equal(third, `${first} --max-semi-space-size=12 run,x`)
  assert.deepEqual(more, [])
})
