// Runs tests: `node test/run.ts unit`, `all`, or folders and files (`connectors/postgres`, `test/e2e/kill.test.ts`).
// An interrupt simply ends this process: what it started ends with it.
// Words that begin with -- go to Node's own runner: `--test-name-pattern=fenced`.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { guardProcess } from './services/guard.ts'
import { service, serviceVariable, stopServices } from './services/index.ts'
import { neededServices } from './services/needed.ts'

const USAGE = 'Usage: node test/run.ts unit | all | FOLDER... | FILE... [--OPTION-OF-NODE...]\n'
const TEST_TIMEOUT_MS = 600_000
/** Of what the runner writes, enough to hold its closing lines and what may follow them. */
const KEPT_CHARACTERS = 200_000

const tests = import.meta.dirname
/** Need no server and change nothing outside their process, so that one process runs them all, in half the time. */
const UNIT = ['unit', 'rules'].map(name => join(tests, name))

/** Returns the exit code: the runner's own, or 2 when there is nothing to run. */
async function main(words: readonly string[]): Promise<number> {
  const options = words.filter(word => word.startsWith('--'))
  const chosen = words.filter(word => !word.startsWith('--'))
  const files = [...new Set(chosen.flatMap(testFiles))].sort()
  if (files.length === 0) {
    process.stderr.write(chosen.length === 0 ? USAGE : `No tests in ${chosen.join(', ')}.\n${USAGE}`)
    return 2
  }
  try {
    const services = await Promise.all((isUnit(files) ? [] : neededServices(files)).map(service))
    const env = Object.fromEntries(services.map(({ name, url }) => [serviceVariable(name), url]))
    return await runTests([...runnerOptions(files), ...options, ...files], env)
  } finally {
    await stopServices()
  }
}

function testFiles(word: string): string[] {
  if (word === 'unit') return UNIT.flatMap(testsIn)
  if (word === 'all') return testsIn(tests)
  const path = [join(tests, word), resolve(word)].find(existsSync)
  if (path === undefined) return []
  return statSync(path).isDirectory() ? testsIn(path) : [path]
}

function testsIn(folder: string): string[] {
  return globSync('**/*.test.ts', { cwd: folder }).map(name => join(folder, name))
}

const isUnit = (files: readonly string[]) => files.every(file => UNIT.some(folder => file.startsWith(folder)))

function runnerOptions(files: readonly string[]): string[] {
  return [
    '--conditions=tributary-source',
    '--test',
    // Tests with servers share the processors with them.
    isUnit(files) ? '--test-isolation=none' : '--test-concurrency=2',
    `--test-timeout=${TEST_TIMEOUT_MS}`,
    '--test-reporter=spec',
  ]
}

/** Runs Node's runner. Its closing lines (how many passed, how many failed) are the last that is written. */
async function runTests(args: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
  const child = spawn(process.execPath, args, {
    // A group of its own, which ends as a whole whatever becomes of this process.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...color, ...env },
  })
  if (child.pid !== undefined) guardProcess(child.pid)
  let kept = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text)
    kept = (kept + text).slice(-KEPT_CHARACTERS)
  })
  const [code] = await once(child, 'close')
  process.stdout.write(repeatedClosing(kept))
  return code ?? 1
}

/** The spec reporter writes its closing lines before it tells of failures again; then they are due once more. */
function repeatedClosing(output: string): string {
  const lines = output.trimEnd().split('\n')
  const isClosing = (line: string) => stripVTControlCharacters(line).startsWith('ℹ ')
  const closing = lines.slice(
    lines.findLastIndex((line, i) => isClosing(line) && !isClosing(lines[i - 1] ?? '')),
  )
  const end = closing.findIndex(line => !isClosing(line))
  return end <= 0 ? '' : `\n${closing.slice(0, end).join('\n')}\n`
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
