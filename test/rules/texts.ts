import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT, type Texts } from './source.ts'

const LEFT_OUT = ['node_modules/**', 'dist/**', '.git/**']

/** Every file of the repository that git does not ignore; where there is no git, all but what npm and tsc make. */
function listFiles(): string[] {
  if (!existsSync(join(ROOT, '.git'))) {
    return globSync('**', { cwd: ROOT, exclude: LEFT_OUT, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
  }
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '-z']
  const listed = execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).split('\0')
  return listed.filter(path => path !== '' && existsSync(join(ROOT, path)))
}

/** The text files of the repository whose path ends so. */
export function readTexts(ending = ''): Texts {
  const texts = listFiles()
    .filter(path => path.endsWith(ending))
    .map(path => [path, readFileSync(join(ROOT, path))] as const)
    .filter(([, bytes]) => !bytes.includes(0))
  return Object.fromEntries(texts.map(([path, bytes]) => [path, bytes.toString()]))
}
