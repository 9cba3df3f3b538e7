import { spawn } from 'node:child_process'
import type { Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

/** What the watchdog is told, one JSON line each. */
export type GuardMessage =
  | { readonly guard: number; readonly signal: NodeJS.Signals }
  | { readonly guard: string }
  | { readonly release: number | string }

// The only way to clean up after SIGKILL is a process that outlives us. It holds one end of a pipe whose other
// end nobody else has; however this process ends, the kernel closes it, and that is the sign.
let pipe: Socket | undefined

/** From now on the process (and its group) ends when this process does. Returns a function that lifts this. */
export function guardProcess(pid: number, signal: NodeJS.Signals = 'SIGKILL'): () => void {
  tell({ guard: pid, signal })
  return () => tell({ release: pid })
}

/** From now on the folder or file is removed when this process ends. Returns a function that lifts this. */
export function guardPath(path: string): () => void {
  tell({ guard: path })
  return () => tell({ release: path })
}

function tell(message: GuardMessage): void {
  pipe ??= startWatchdog()
  if (pipe.destroyed) throw new Error('the watchdog of the test servers is gone: they could be left behind')
  pipe.write(`${JSON.stringify(message)}\n`)
}

function startWatchdog(): Socket {
  const child = spawn(process.execPath, [fileURLToPath(new URL('watchdog.ts', import.meta.url))], {
    cwd: '/',
    // A session of its own, so that Ctrl-C in a terminal does not reach it.
    detached: true,
    // Who reads our standard error to its end has thereby waited until all is cleaned up.
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  })
  const stdin = child.stdin as Socket
  // Its end closes the pipe, and the next `tell` says so.
  stdin.on('error', () => stdin.destroy())
  stdin.unref()
  child.unref()
  return stdin
}
