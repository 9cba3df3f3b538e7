import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { ConnectorStatus } from '../../core/connector-status.ts'
import { freePorts } from '../services/ports.ts'
import { until } from './until.ts'

/** What tests run; what users run, for measuring. */
const SOURCE = fileURLToPath(new URL('../../bin/tributary.ts', import.meta.url))
export const BUILT = fileURLToPath(new URL('../../dist/bin/tributary.js', import.meta.url))

export interface LogLine {
  readonly level: string
  readonly msg: string
  readonly [field: string]: unknown
}

/** A worker process, started as a user would. */
export interface Worker extends AsyncDisposable {
  readonly pid: number
  readonly url: string
  /** What it has logged so far. */
  readonly log: readonly LogLine[]
  /** Resolves when every connector streams. */
  ready(): Promise<void>
  status(): Promise<ConnectorStatus>
  /** Highest resident memory so far, in bytes. */
  peakMemory(): number
  /** Resident memory now, in bytes. */
  memory(): number
  signal(signal: NodeJS.Signals): void
  /** Resolves to the exit code, or to the signal that ended it. */
  ended(): Promise<number | NodeJS.Signals>
}

/** A folder with YAML files, removed with its scope. */
export function configFolder(
  files: Readonly<Record<string, string>>,
): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'tributary-worker-'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

/**
 * Runs `tributary run FOLDER`; the folder's worker.yaml must take its HTTP port from ${HTTP_PORT}. `node`: words for
 * Node, before the program's name.
 */
export async function startWorker(
  folder: string,
  binary: string = SOURCE,
  node: readonly string[] = [],
): Promise<Worker> {
  const [port] = await freePorts(1)
  const child = spawn(process.execPath, [...node, binary, 'run', folder], {
    env: { ...process.env, HTTP_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const log: LogLine[] = []
  createInterface({ input: child.stdout }).on('line', line => log.push(JSON.parse(line) as LogLine))
  return workerOf(child, `http://127.0.0.1:${port}`, log)
}

function workerOf(child: ChildProcess, url: string, log: readonly LogLine[]): Worker {
  const ended = new Promise<number | NodeJS.Signals>(resolve =>
    child.once('close', (code, signal) => resolve(code ?? signal ?? -1)),
  )
  const isEnded = () => child.exitCode !== null || child.signalCode !== null
  const logged = () => log.map(line => JSON.stringify(line)).join('\n')
  return {
    pid: child.pid as number,
    url,
    log,
    ended: () => ended,
    ready: () =>
      until(
        'the worker is ready',
        async () => {
          if (isEnded()) throw new Error(`the worker has ended:\n${logged()}`)
          return fetch(`${url}/readyz`).then(
            ({ ok }) => ok,
            () => false,
          )
        },
        180_000,
      ).catch(error => {
        throw new Error(`${error.message}\n${logged()}`)
      }),
    status: async () => {
      const body = (await (await fetch(`${url}/status`)).json()) as { connectors: [ConnectorStatus] }
      return body.connectors[0]
    },
    peakMemory: () => memoryOf(child, 'VmHWM'),
    memory: () => memoryOf(child, 'VmRSS'),
    signal: signal => void child.kill(signal),
    async [Symbol.asyncDispose]() {
      if (!isEnded()) child.kill('SIGKILL')
      await ended
    },
  }
}

function memoryOf({ pid }: ChildProcess, figure: 'VmHWM' | 'VmRSS'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${figure}:\\s+(\\d+)`).exec(status)?.[1]) * 1024
}
