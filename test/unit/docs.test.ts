import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { generatedFiles, readPage, renderPage } from '../../docs/generate.ts'

describe('generated documentation', () => {
  for (const file of generatedFiles()) {
    it(`${file} is as \`npm run docs\` makes it`, async () => {
      const text = readPage(file)
      assert.equal(text, await renderPage(text))
    })
  }

  it('refuses a block that nobody makes', async () => {
    await assert.rejects(
      renderPage('<!-- generated: nothing -->\n<!-- end -->'),
      /no block is named "nothing"/,
    )
  })
})
