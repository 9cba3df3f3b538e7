import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseInvocation } from '../../../bin/usage.ts'

describe('command line', () => {
  it('reads commands, operands and flags', () => {
    const { command, operands, flags } = parseInvocation(['consume', 'a', 'b', '--from', 'end', '--json'])
    assert.deepEqual([command, operands, { ...flags }], ['consume', ['a', 'b'], { from: 'end', json: true }])
  })

  it('shows its help when asked, or when asked nothing', () => {
    for (const argv of [[], ['--help'], ['help'], ['run', '--help']]) {
      assert.equal(parseInvocation(argv).command, 'help')
    }
  })

  for (const [argv, what] of [
    [['rum', 'x'], /"rum" is not a command/],
    [['run'], /name a folder/],
    [['run', 'a', 'b'], /name one folder/],
    [['consume'], /name a topic/],
    [['check', 'a', '--sink', 'stdout'], /Unknown option '--sink'/],
  ] as const) {
    it(`refuses "${argv.join(' ')}" and shows how the command is used`, () => {
      assert.throws(
        () => parseInvocation(argv),
        error => what.test((error as Error).message) && /tributary run DIR/.test((error as Error).message),
      )
    })
  }
})
