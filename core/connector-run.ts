import { backoffMs } from './backoff.ts'
import type { Clock } from './clock.ts'
import { ConnectorProgress } from './connector-progress.ts'
import { type ConnectorState, type ConnectorStatus, describeError } from './connector-status.ts'
import { asTributaryError, TributaryError } from './errors.ts'
import type { Logger } from './log.ts'
import type { ConnectorMetrics } from './metrics.ts'
import { type PipelineObserver, runPipeline } from './pipeline.ts'
import type { Encoder, Finding, Sink, Source } from './types.ts'
import { untilAborted } from './until-aborted.ts'
import type { WriteLimits } from './write-buffer.ts'

/** Fresh parts for one attempt; a failed attempt's are never used again. */
export interface Attempt {
  readonly source: Source
  readonly encoder: Encoder
  readonly sink: Sink
  /** What else must be in order before the start: Kafka's and the registry's findings. Ends early when aborted. */
  checkServers(signal: AbortSignal): Promise<Finding[]>
  /** Called once, after source and sink have been closed: gives back what else the attempt holds. */
  close(): Promise<void>
}

export interface ConnectorOptions {
  readonly name: string
  /** The worker exits when this connector has failed. */
  readonly required: boolean
  readonly attempt: () => Attempt
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: ConnectorMetrics
  readonly writeLimits?: WriteLimits
}

const BACKOFF = { firstMs: 500, maxMs: 30_000 }

/** One connector of a worker: its attempts one after the other, and what is to be told about them. */
export class ConnectorRun {
  readonly name: string
  readonly required: boolean
  readonly #options: ConnectorOptions
  readonly #progress: ConnectorProgress
  #state: ConnectorState = 'starting'
  #since: number
  #restarts = 0
  #error: ConnectorStatus['error'] = null
  #findings: readonly Finding[] = []
  #source: Source | null = null
  #failuresInARow = 0

  constructor(options: ConnectorOptions) {
    this.name = options.name
    this.required = options.required
    this.#options = options
    this.#since = options.clock.now()
    this.#progress = new ConnectorProgress(options.clock, options.metrics)
    options.metrics.state(this.#state)
  }

  get state(): ConnectorState {
    return this.#state
  }

  status(): ConnectorStatus {
    return {
      name: this.name,
      state: this.#state,
      since: new Date(this.#since).toISOString(),
      restarts: this.#restarts,
      error: this.#error,
      findings: this.#findings.filter(finding => finding.severity !== 'ok'),
      ...this.#progress.status(),
      source: this.#source?.status() ?? {},
    }
  }

  /**
   * Runs until `signal` aborts (resolves to null) or until a failure that does not pass (resolves to it). Never
   * rejects.
   */
  async run(signal: AbortSignal): Promise<TributaryError | null> {
    const { clock, log } = this.#options
    while (!signal.aborted) {
      const error = await this.#attempt(signal)
      if (signal.aborted || error === null) break
      if (error.reaction === 'stop') return this.#fail(error)
      const waitMs = backoffMs(this.#failuresInARow++, BACKOFF)
      this.#noteError(error)
      log.warn({ code: error.code, error: error.message, hint: error.hint, waitMs }, 'connector waits')
      this.#enter('waiting')
      await clock.sleep(waitMs, signal)
      this.#restarts++
    }
    this.#enter('stopped')
    log.info('connector stopped')
    return null
  }

  /** Also parts that cannot be made are a failure of the connector, and not of the worker. */
  async #attempt(signal: AbortSignal): Promise<TributaryError | null> {
    this.#enter('starting')
    try {
      return await this.#use(this.#options.attempt(), signal)
    } catch (error) {
      return asTributaryError(error)
    }
  }

  async #use(parts: Attempt, signal: AbortSignal): Promise<TributaryError | null> {
    const { clock, log, writeLimits } = this.#options
    const { source, encoder, sink } = parts
    this.#source = source
    try {
      await this.#check(parts, signal)
      if (signal.aborted) return null
      const limits = writeLimits ? { limits: writeLimits } : {}
      await runPipeline({ source, encoder, sink, clock, observer: this.#observer(), ...limits }, signal)
      return signal.aborted ? null : new TributaryError('INTERNAL', 'The stream ended by itself.')
    } finally {
      this.#progress.dropped()
      await closeAll([source, sink, parts], log)
    }
  }

  /** A stop does not wait for servers that do not answer. */
  async #check({ source, checkServers }: Attempt, signal: AbortSignal): Promise<void> {
    const done = new AbortController()
    const asking = Promise.all([source.check(), checkServers(AbortSignal.any([signal, done.signal]))])
    const answers = await untilAborted(asking, signal).finally(() => done.abort())
    if (answers === undefined) return
    const [own, servers] = answers
    this.#findings = [...own, ...servers]
    const failures = this.#findings.filter(({ severity, isAbsent }) => severity === 'failure' && !isAbsent)
    for (const { severity, subject, message, fix, isAbsent } of this.#findings) {
      if (severity === 'warning' || isAbsent)
        this.#options.log.warn({ subject, finding: message, fix }, 'check warns')
    }
    if (failures.length === 0) return
    const lines = failures.map(
      ({ subject, message, fix }) => `${subject}: ${message}${fix ? ` Fix: ${fix}` : ''}`,
    )
    const code = failures.find(finding => finding.code)?.code ?? 'CHECK_FAILED'
    throw new TributaryError(code, lines.join('\n'))
  }

  #observer(): PipelineObserver {
    const { log } = this.#options
    return {
      streaming: () => {
        this.#progress.began()
        this.#enter('streaming')
        log.info('connector streams')
      },
      read: batch => this.#progress.read(batch),
      batched: (batch, held) => this.#progress.batched(batch, held),
      written: (write, ms, held) => {
        // The first write of an attempt only says where it began.
        if (write.records.length > 0) this.#failuresInARow = 0
        this.#progress.written(write, ms, held)
      },
    }
  }

  #fail(error: TributaryError): TributaryError {
    this.#noteError(error)
    this.#options.log.error({ code: error.code, error: error.message, hint: error.hint }, 'connector failed')
    this.#enter('failed')
    return error
  }

  #noteError(error: TributaryError): void {
    this.#error = describeError(error, this.#options.clock.now())
    this.#options.metrics.failed(error.code)
  }

  #enter(state: ConnectorState): void {
    if (state === this.#state) return
    this.#state = state
    this.#since = this.#options.clock.now()
    this.#options.metrics.state(state)
  }
}

/** Closes every part; a part that cannot be closed is told, and keeps no other from it. */
async function closeAll(parts: readonly { close(): Promise<void> }[], log: Logger): Promise<void> {
  const results = await Promise.allSettled(parts.map(part => part.close()))
  for (const result of results) {
    if (result.status === 'rejected')
      log.warn({ error: asTributaryError(result.reason).message }, 'close failed')
  }
}
