import type { TributaryError } from '../../core/errors.ts'
import type { Cursor } from './cursor.ts'

export interface Flow {
  /** Called when more is held than `highWater`; what is under way may still be added. */
  pause(): void
  /** Called when less is held than `lowWater` again. */
  resume(): void
}

export interface InboxLimits {
  readonly slabBytes: number
  readonly highWaterBytes: number
  readonly lowWaterBytes: number
}

/** Enough for the server to stay busy while a batch is being published, and little beside the write buffers. */
export const DEFAULT_INBOX_LIMITS: InboxLimits = {
  slabBytes: 256 << 10,
  highWaterBytes: 4 << 20,
  lowWaterBytes: 1 << 20,
}

interface Slab {
  readonly bytes: Buffer
  written: number
}

const LENGTH_BYTES = 4

/**
 * What the link has brought and nobody has read: messages one behind the other in slabs, each after its length.
 *
 * The driver hands out views of a buffer that it uses again, so messages must be copied at once; it calls us from
 * the socket's handler, where an exception would end the process, so nothing else may be done there. Copying into
 * slabs costs no object per message, and reading happens where errors and waiting are ordinary.
 *
 * Bounded: beyond the high-water mark the link is paused. A message larger than a slab gets one of its own.
 */
export class Inbox {
  readonly #limits: InboxLimits
  readonly #flow: Flow
  /** Read from the first, written to the last. */
  readonly #slabs: Slab[] = []
  #spare: Slab | null = null
  #readOffset = 0
  #bytes = 0
  #isPaused = false
  #failure: TributaryError | null = null
  #wake: (() => void) | null = null

  constructor(flow: Flow, limits: InboxLimits = DEFAULT_INBOX_LIMITS) {
    this.#flow = flow
    this.#limits = limits
  }

  /** Bytes held, those of lengths included. */
  get bytes(): number {
    return this.#bytes
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Why nothing more will come; what came before can still be read. */
  get failure(): TributaryError | null {
    return this.#failure
  }

  /** Copies a message; none after a failure. Never throws but for want of memory. */
  push(message: Uint8Array): void {
    if (this.#failure) return
    const size = LENGTH_BYTES + message.length
    const slab = this.#slabWith(size)
    slab.bytes.writeUInt32BE(message.length, slab.written)
    slab.bytes.set(message, slab.written + LENGTH_BYTES)
    slab.written += size
    this.#bytes += size
    if (!this.#isPaused && this.#bytes > this.#limits.highWaterBytes) {
      this.#isPaused = true
      this.#flow.pause()
    }
    this.wake()
  }

  /** The link has ended, or what comes from now on cannot be trusted. The first reason stands. */
  fail(reason: TributaryError): void {
    this.#failure ??= reason
    this.wake()
  }

  /** Turns `cursor` to the next message, which stays in place until the next call; false when there is none. */
  next(cursor: Cursor): boolean {
    const slab = this.#slabToRead()
    if (!slab) return false
    const start = this.#readOffset + LENGTH_BYTES
    const end = start + slab.bytes.readUInt32BE(this.#readOffset)
    cursor.turnTo(slab.bytes, start, end)
    this.#readOffset = end
    this.#bytes -= end - start + LENGTH_BYTES
    if (this.#isPaused && this.#bytes < this.#limits.lowWaterBytes) {
      this.#isPaused = false
      this.#flow.resume()
    }
    return true
  }

  /** Resolves at the next `push`, `fail` or `wake`. For one waiter, which has just been told that there is nothing. */
  arrival(): Promise<void> {
    if (this.#failure) return Promise.resolve()
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  wake(): void {
    this.#wake?.()
    this.#wake = null
  }

  #slabWith(room: number): Slab {
    const last = this.#slabs.at(-1)
    if (last && last.bytes.length - last.written >= room) return last
    const slab = this.#takeSpare(room) ?? {
      bytes: Buffer.allocUnsafeSlow(Math.max(room, this.#limits.slabBytes)),
      written: 0,
    }
    this.#slabs.push(slab)
    return slab
  }

  #takeSpare(room: number): Slab | null {
    const spare = this.#spare
    if (!spare || spare.bytes.length < room) return null
    this.#spare = null
    return spare
  }

  /** The slab with the next message. Slabs that are read through are used again. */
  #slabToRead(): Slab | null {
    for (;;) {
      const slab = this.#slabs[0]
      if (!slab) return null
      if (this.#readOffset < slab.written) return slab
      this.#slabs.shift()
      this.#readOffset = 0
      slab.written = 0
      if (slab.bytes.length === this.#limits.slabBytes) this.#spare = slab
    }
  }
}
