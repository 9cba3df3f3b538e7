import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { brokenLinks } from './links.ts'
import { ROOT } from './source.ts'
import { readTexts } from './texts.ts'

describe('links between documents', () => {
  it('lead to files that exist', () => {
    assert.deepEqual(
      brokenLinks(readTexts('.md'), path => existsSync(join(ROOT, path))),
      [],
    )
  })
})

describe('the rule on links', () => {
  const exists = (path: string) => ['README.md', 'docs/a.md', 'core/types.ts'].includes(path)

  it('follows them from the file that they are in', () => {
    const good =
      '[a](../README.md#part) [b](a.md "title") [c](https://example.org) [d](#here)\n[e]: ../core/types.ts\n'
    assert.deepEqual(brokenLinks({ 'docs/a.md': good }, exists), [])
  })

  it('refuses what leads nowhere', () => {
    const bad = '[a](README.md) and [b](../gone.md#part)\n\n[c]: missing.md\n'
    assert.deepEqual(brokenLinks({ 'docs/a.md': bad }, exists), [
      'docs/a.md -> README.md',
      'docs/a.md -> ../gone.md',
      'docs/a.md -> missing.md',
    ])
  })

  it('takes no code for a link', () => {
    const code = '`[a](gone.md)`\n\n```md\n[b](gone.md)\n```\n'
    assert.deepEqual(brokenLinks({ 'docs/a.md': code }, exists), [])
  })
})
