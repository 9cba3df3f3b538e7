import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_FILE_LINES, MAX_FUNCTION_LINES, sizeViolations } from './size.ts'
import { parseSources, readSources } from './source.ts'

describe('files and functions', () => {
  it(`have at most ${MAX_FILE_LINES} and ${MAX_FUNCTION_LINES} lines`, () => {
    assert.deepEqual(sizeViolations(parseSources(readSources())), [])
  })
})

describe('the rule on size', () => {
  it('allows what has just the limit', () => {
    assert.deepEqual(violations({ 'core/a.ts': `${lines(MAX_FILE_LINES)}\n` }), [])
    assert.deepEqual(violations({ 'core/a.ts': body('function a()', MAX_FUNCTION_LINES) }), [])
  })

  it('refuses a file of one line more', () => {
    assert.deepEqual(violations({ 'core/a.ts': lines(MAX_FILE_LINES + 1) }), ['core/a.ts: 401 lines'])
  })

  for (const head of ['function a()', 'export const a = async () =>', 'const a = function* ()']) {
    it(`refuses one line more in: ${head}`, () => {
      const text = `// its comment does not count\n${body(head, MAX_FUNCTION_LINES + 1)}`
      assert.deepEqual(violations({ 'core/a.ts': text }), ['core/a.ts:2: a function of 61 lines'])
    })
  }

  for (const head of ['a()', 'async *#a()', 'constructor()', 'get a()', 'set a(b)']) {
    it(`refuses one line more in a class: ${head}`, () => {
      const text = `class A {\n${body(head, MAX_FUNCTION_LINES + 1)}\n}`
      assert.deepEqual(violations({ 'core/a.ts': text }), ['core/a.ts:2: a function of 61 lines'])
    })
  }

  it('counts inner functions as part of the outer one, but not in tests', () => {
    const inner = body('describe("b", () =>', 40).replace(/}$/, '})')
    const text = `describe("a", () => {\n${inner}\n${inner}\n})`
    assert.deepEqual(violations({ 'core/a.ts': text }), ['core/a.ts:1: a function of 82 lines'])
    assert.deepEqual(violations({ 'test/a.ts': text }), [])
    assert.deepEqual(violations({ 'test/a.ts': body('function a()', 61) }), [
      'test/a.ts:1: a function of 61 lines',
    ])
  })
})

function violations(texts: Readonly<Record<string, string>>): string[] {
  return sizeViolations(parseSources(texts))
}

function lines(count: number): string {
  return Array.from({ length: count }, (_, i) => `f(${i})`).join('\n')
}

/** A function of so many lines, its head's included. */
function body(head: string, count: number): string {
  return `${head} {\n${lines(count - 2)}\n}`
}
