import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { ERROR_CODES } from '../../core/errors.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PAGE = readFileSync(join(ROOT, 'docs/08-failure-modes.md'), 'utf8')

/** What a test file calls its tests and groups: the first text of each call that has one. */
const NAMES =
  /\b(?:it|test|describe|fresh|onEveryServer|onOwnServers)\(\s*(?:'((?:[^'\\]|\\.)*)'|`((?:[^`\\]|\\.)*)`)/g

/** The names in a file, each as a pattern: what stands in `${...}` can be anything. */
function namePatterns(file: string): string[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  return Array.from(text.matchAll(NAMES), ([, plain, template]) =>
    plain !== undefined
      ? escaped(plain)
      : template!
          .split(/\$\{[^}]*\}/)
          .map(escaped)
          .join('.+'),
  )
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

const rows = PAGE.split('\n').filter(line => /^\| (?!What goes wrong)/.test(line))
const linksIn = (text: string) =>
  Array.from(text.matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g), ([, name = '', file = '']) => ({
    name,
    file,
  }))

it('every way to fail is told with what happens here, and names a test that proves it', () => {
  assert.ok(rows.length > 20)
  for (const row of rows) {
    const [wrong = '', here = '', proof = '', ...more] = row.split('|').slice(1, -1)
    assert.deepEqual(
      [wrong, here, ...more].map(cell => cell.trim() !== ''),
      [true, true],
      row,
    )
    assert.ok(linksIn(proof).length > 0, `no test is named: ${wrong}`)
  }
})

it('every test that is named is there under that name, alone or behind the name of its group', () => {
  for (const { name, file } of linksIn(PAGE)) {
    const patterns = namePatterns(file).join('|')
    assert.match(
      name,
      new RegExp(`^(?:(?:${patterns}) )?(?:${patterns})$`),
      `${file} has no test of this name`,
    )
  }
})

it('every code that is named is one', () => {
  const words = PAGE.match(/`[A-Z]+(?:_[A-Z]+)+`/g) ?? []
  const unknown = words.map(word => word.slice(1, -1)).filter(word => !(word in ERROR_CODES))
  assert.deepEqual(unknown, [])
})
