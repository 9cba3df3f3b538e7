import type { Clock } from '../../core/clock.ts'
import { TributaryError } from '../../core/errors.ts'
import type { ReplicationLink } from './connection.ts'

export interface KeepaliveOptions {
  readonly link: Pick<ReplicationLink, 'report' | 'bytesRead'>
  readonly clock: Clock
  /** The server ends a link from which it has not heard for this long; 0: never. */
  readonly walSenderTimeoutMs: number
  /** How often progress is wanted while nothing changes. */
  readonly heartbeatMs: number
  /** Where the stream began: durable already. */
  readonly startLsn: bigint
  readonly where: string
  /** True while we ourselves have stopped reading; the server's silence means nothing then. */
  readonly isPaused: () => boolean
  readonly onSilence: (reason: TributaryError) => void
}

const MAX_INTERVAL_MS = 10_000
const MIN_SILENCE_MS = 30_000
/** While it shuts down, the server asks again as soon as it is answered. */
const MIN_ANSWER_INTERVAL_MS = 100

/**
 * What is said on the link besides rows: to the server that we are alive and what is durable, on a timer of its own that
 * runs whether or not anybody pulls; and to the stream that the server is not (a half-dead link shows no error).
 *
 * The server sends keepalives only when it has been idle for long, so each report asks for an answer. Those answers also
 * carry how far the server has come, which is what progress on a quiet database is made of.
 */
export class Keepalive {
  readonly #options: KeepaliveOptions
  readonly #stopped = new AbortController()
  #durableLsn: bigint
  #reportedAt = Number.NEGATIVE_INFINITY
  #bytesRead = 0
  #heardAt: number
  #isServerWaiting = false

  constructor(options: KeepaliveOptions) {
    this.#options = options
    this.#durableLsn = options.startLsn
    this.#heardAt = options.clock.monotonic()
  }

  get durableLsn(): bigint {
    return this.#durableLsn
  }

  /** The server has asked to hear from us, and what is durable has not grown since. */
  get isServerWaiting(): boolean {
    return this.#isServerWaiting
  }

  /** Everything before `lsn` is durable. Never goes back. */
  confirm(lsn: bigint): void {
    if (lsn <= this.#durableLsn) return
    this.#durableLsn = lsn
    this.#isServerWaiting = false
    this.#report(false)
  }

  /** The server wants to hear from us. */
  answer(): void {
    this.#isServerWaiting = true
    if (this.#options.clock.monotonic() - this.#reportedAt >= MIN_ANSWER_INTERVAL_MS) this.#report(false)
  }

  /** Runs until `stop`. */
  async run(): Promise<void> {
    const { clock, walSenderTimeoutMs, heartbeatMs } = this.#options
    const third = walSenderTimeoutMs > 0 ? walSenderTimeoutMs / 3 : MAX_INTERVAL_MS
    const intervalMs = Math.min(third, heartbeatMs, MAX_INTERVAL_MS)
    while (!this.#stopped.signal.aborted) {
      this.#report(true)
      await clock.sleep(intervalMs, this.#stopped.signal)
      this.#listen()
    }
  }

  /** Says once more what is durable. */
  stop(): void {
    this.#stopped.abort()
    this.#report(false)
  }

  #report(asksForReply: boolean): void {
    this.#reportedAt = this.#options.clock.monotonic()
    this.#options.link.report(this.#durableLsn, { asksForReply })
  }

  #listen(): void {
    const { link, clock, walSenderTimeoutMs, isPaused, onSilence, where } = this.#options
    const now = clock.monotonic()
    const bytesRead = link.bytesRead()
    if (bytesRead !== this.#bytesRead || isPaused()) {
      this.#bytesRead = bytesRead
      this.#heardAt = now
    }
    const limitMs = Math.max(walSenderTimeoutMs, MIN_SILENCE_MS)
    if (now - this.#heardAt > limitMs) {
      onSilence(
        new TributaryError('SOURCE_CONNECTION_LOST', `${where}: no byte from the server for ${limitMs} ms.`),
      )
    }
  }
}
