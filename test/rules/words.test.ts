import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readTexts } from './texts.ts'
import { wordViolations } from './words.ts'

describe('the repository', () => {
  it('names no machine’s paths, no package registries, and puts no work off', () => {
    assert.deepEqual(wordViolations(readTexts()), [])
  })
})

describe('the rule on words', () => {
  // Each in two parts, so that this file passes too.
  for (const [first, second] of [
    ['see /wor', 'k/main'],
    ['"/ro', 'ot/.cache"'],
    ['/ho', 'me/somebody/x'],
    ['../sha', 'red/design.md'],
    ['https://registry.npm', 'js.org/pg'],
    ['https://repo.mav', 'en.apache.org/maven2'],
    ['https://py', 'pi.org/simple'],
    ['deb http://deb.deb', 'ian.org/debian sid main'],
    ['// TO', 'DO: later'],
    ['// @ts-', 'ignore'],
    ['// biome-', 'ignore lint: no'],
  ] as const) {
    it(`refuses ${first}|${second}`, () => {
      const [violation] = wordViolations({ 'docs/a.md': `fine\nso: ${first}${second}\n` })
      assert.match(violation ?? '', /^docs\/a\.md:2: /)
    })
  }

  it('allows words that only look like them', () => {
    const text = 'network/x, ./work/x, ~/home/x, https://example.org/root/x, the roots, todos, shared/'
    assert.deepEqual(wordViolations({ 'docs/a.md': text }), [])
  })
})
