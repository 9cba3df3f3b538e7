// Writes the generated blocks of README.md and docs/: `npm run docs`. A test fails while they differ.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { blocks } from './generated/blocks.ts'

const ROOT = new URL('..', import.meta.url)
const BLOCK = /(<!-- generated: (.+?) -->\n)[\s\S]*?(<!-- end -->)/g

/** The files that may hold generated blocks, relative to the root of the repository. */
export function generatedFiles(): string[] {
  const pages = readdirSync(new URL('docs', ROOT)).filter(name => name.endsWith('.md'))
  return ['README.md', ...pages.map(name => `docs/${name}`)]
}

export const readPage = (file: string): string => readFileSync(new URL(file, ROOT), 'utf8')

/** A page with its blocks made anew. */
export async function renderPage(text: string): Promise<string> {
  const made = await blocks(readPage('core/types.ts'))
  return text.replace(BLOCK, (_, begin: string, name: string, end: string) => {
    const block = made[name]
    if (block === undefined) throw new Error(`no block is named "${name}"`)
    return `${begin}${block.trim()}\n${end}`
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of generatedFiles()) writeFileSync(new URL(file, ROOT), await renderPage(readPage(file)))
}
