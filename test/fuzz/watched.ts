import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Finding } from './fuzzer.ts'
import type { Input } from './target.ts'

/** Inputs that real servers gave. */
export interface Corpora {
  readonly log: readonly Input[]
  readonly fetched: readonly Input[]
}

export interface Report {
  readonly inputs: number
  readonly grownBytes: number
  readonly finding: Finding
}

/** One input takes microseconds; whatever the load of the machine, one that takes so long never ends. */
const STUCK_MS = 60_000
const HEAP_MB = 512
const NOTED_BYTES = 1 << 20

/** What the thread reads at the moment, in memory that its watcher sees too: a loop answers no messages. */
export class Progress {
  readonly #counters: Int32Array
  readonly #bytes: Buffer

  readonly shared: SharedArrayBuffer

  constructor(shared = new SharedArrayBuffer(8 + NOTED_BYTES)) {
    this.shared = shared
    this.#counters = new Int32Array(shared, 0, 2)
    this.#bytes = Buffer.from(shared, 8)
  }

  note(target: string, input: Input): void {
    this.#counters[1] = this.#bytes.write(describeInput(target, input))
    Atomics.add(this.#counters, 0, 1)
  }

  get count(): number {
    return Atomics.load(this.#counters, 0)
  }

  get text(): string {
    return this.#bytes.toString('utf8', 0, this.#counters[1])
  }
}

/** Reads damaged inputs in a thread for so many seconds. Rejects with the input when something is wrong, or stuck. */
export async function fuzzWatched(options: {
  seed: number
  seconds: number
  corpora?: Corpora
}): Promise<Report> {
  const progress = new Progress()
  const { seed, seconds, corpora = { log: [], fetched: [] } } = options
  const folder = mkdtempSync(join(tmpdir(), 'tributary-fuzz-'))
  const worker = new Worker(new URL('worker.ts', import.meta.url), {
    workerData: { seed, seconds, corpora, shared: progress.shared, folder },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    execArgv: ['--conditions=tributary-source'],
  })
  const again = `FUZZ_SEED=${seed} reads it again; `
  const watch = new AbortController()
  try {
    const [report] = (await Promise.race([
      once(worker, 'message', { signal: watch.signal }),
      stuck(progress, watch.signal),
    ])) as [Report]
    const { finding } = report
    if (finding) throw new Error(`${again}${finding.what}\n${describeInput(finding.target, finding.input)}`)
    return report
  } catch (error) {
    if (!(error instanceof Error) || error.message.startsWith(again)) throw error
    throw new Error(`${again}${error.message}, while it read ${progress.text}`, { cause: error })
  } finally {
    watch.abort()
    await worker.terminate()
    rmSync(folder, { recursive: true })
  }
}

/** Rejects when one input is being read for too long. */
function stuck(progress: Progress, signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    let last = -1
    const timer = setInterval(() => {
      if (progress.count === last) reject(new Error(`nothing for ${STUCK_MS} ms`))
      last = progress.count
    }, STUCK_MS)
    signal.addEventListener('abort', () => clearInterval(timer))
  })
}

function describeInput(target: string, input: Input): string {
  return `${target}: ${JSON.stringify(input.map(part => Buffer.from(part).toString('base64')))}`
}
