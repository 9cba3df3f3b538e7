import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardProcess } from './guard.ts'
import type { Command } from './recipe.ts'

const POLL_MS = 20
/** Lines of a program's output that an error shows. */
const TAIL_LINES = 20

/**
 * Runs a program to its end, with `input` on its standard input, and returns what it wrote to standard output.
 * It ends with this process.
 * @throws Error with the last lines of its output when it cannot run or its exit code is not 0.
 */
export async function run(command: Command, input = ''): Promise<string> {
  const child = spawn(command.file, command.args, { ...spawnOptions(command), stdio: 'pipe' })
  const release = child.pid === undefined ? () => undefined : guardProcess(child.pid)
  const output = { stdout: '', both: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text
    output.both += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.both += text
  })
  const ended = Promise.withResolvers<number | NodeJS.Signals | null>()
  child.once('error', ended.reject)
  child.once('close', (code, signal) => ended.resolve(code ?? signal))
  // One that does not read to the end says why by its exit code.
  child.stdin.on('error', () => undefined).end(input)
  try {
    const code = await ended.promise
    if (code === 0) return output.stdout
    throw new Error(`${command.file} ended with ${code}:\n${tail(output.both)}`)
  } finally {
    release()
  }
}

/** A server process. */
export type Launched = ChildProcess & { readonly pid: number }

/**
 * Starts a server with its output appended to a file; it does not keep this process from ending.
 * @throws Error when the program cannot be run.
 */
export async function launch(command: Command, logFile: string): Promise<Launched> {
  const log = openSync(logFile, 'a')
  const child = spawn(command.file, command.args, { ...spawnOptions(command), stdio: ['ignore', log, log] })
  closeSync(log)
  if (child.pid === undefined) await once(child, 'spawn')
  child.unref()
  return child as Launched
}

/** By what its parent, this process, knows: a number can be given to another process once it is free. */
export function isRunning(child: Launched): boolean {
  return child.exitCode === null && child.signalCode === null && isAlive(child.pid)
}

function spawnOptions(command: Command): SpawnOptions {
  return {
    // A group of its own: Ctrl-C in a terminal leaves it to us, and we can end it with all its children.
    detached: true,
    env: { ...process.env, ...command.env },
    ...(command.cwd !== undefined && { cwd: command.cwd }),
    ...command.user,
  }
}

/** The last lines of a text. */
export function tail(text: string): string {
  return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
}

/** Signals a process and the others of its group; nothing happens when they are gone. */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  signalPid(-pid, signal)
}

export function signalPid(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Whether the process runs. One that has ended but was not waited for by its parent does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  if (process.platform !== 'linux') return true
  try {
    // proc(5): the state follows the name, which is in parentheses and may itself hold some.
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits until the process is gone; false when it still runs after `limitMs`. */
export async function untilGone(pid: number, limitMs: number): Promise<boolean> {
  const end = performance.now() + limitMs
  while (isAlive(pid)) {
    if (performance.now() > end) return false
    await sleep(POLL_MS)
  }
  return true
}

/** The process and all that descend from it, itself first. */
export async function processTree(pid: number): Promise<number[]> {
  const listing = await run({ file: 'ps', args: ['-A', '-o', 'pid=,ppid='] })
  const pairs = listing
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
  const tree = [pid]
  for (const parent of tree) {
    for (const [child, itsParent] of pairs) if (itsParent === parent && child !== undefined) tree.push(child)
  }
  return tree
}
