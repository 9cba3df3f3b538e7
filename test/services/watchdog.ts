// Runs beside one process of the harness, holding the other end of its pipe (see guard.ts). When the pipe closes
// it ends the server processes and removes the folders it was told of, and then itself.

import { rm } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { GuardMessage } from './guard.ts'
import { isAlive, signalGroup, untilGone } from './process.ts'

const GRACE_MS = 5_000

const processes = new Map<number, NodeJS.Signals>()
const paths = new Set<string>()

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
for await (const line of createInterface({ input: process.stdin })) note(JSON.parse(line))
await Promise.all(Array.from(processes, ([pid, signal]) => end(pid, signal)))
for (const path of paths) await rm(path, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })

function note(message: GuardMessage): void {
  if ('release' in message) {
    if (typeof message.release === 'number') processes.delete(message.release)
    else paths.delete(message.release)
  } else if ('signal' in message) processes.set(message.guard, message.signal)
  else paths.add(message.guard)
}

async function end(pid: number, signal: NodeJS.Signals): Promise<void> {
  signalGroup(pid, signal)
  // One that is stopped (SIGSTOP) sees no other signal before it goes on.
  signalGroup(pid, 'SIGCONT')
  if (await untilGone(pid, GRACE_MS)) return
  signalGroup(pid, 'SIGKILL')
  if (!(await untilGone(pid, GRACE_MS)) && isAlive(pid)) {
    process.stderr.write(`test services: process ${pid} does not end\n`)
  }
}
