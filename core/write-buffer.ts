import { keyLength, valueLength } from './packed-record.ts'
import type { ChangeBatch, Checkpoint, OutRecord } from './types.ts'

export interface WriteLimits {
  /** What a write holds under load: whole transactions, until one of these is reached. */
  readonly targetRecords: number
  readonly targetBytes: number
  /** What a transaction may grow to before it is cut. */
  readonly maxRecords: number
  readonly maxBytes: number
}

/** Writes larger than the target are not faster, and cost memory; a transaction that stays whole is worth it. */
export const DEFAULT_WRITE_LIMITS: WriteLimits = {
  targetRecords: 10_000,
  targetBytes: 4 << 20,
  maxRecords: 50_000,
  maxBytes: 32 << 20,
}

/** What one write to the sink takes. */
export interface Write {
  readonly records: OutRecord[]
  readonly checkpoint: Checkpoint
  readonly bytes: number
  /** How many batches its records came in: the oldest of those that were added. */
  readonly batches: number
}

interface Part {
  records: OutRecord[]
  checkpoint: Checkpoint
  bytes: number
  batches: number
}

const emptyPart = (): Part => ({ records: [], checkpoint: {}, bytes: 0, batches: 0 })

/**
 * Records that wait for the next write. Those of a source transaction whose end has not come stay behind in
 * `#open`, so that a write holds whole transactions; only one too large for the buffer is cut, and once it is, in
 * pieces of the usual size: there is nothing whole left to wait for, and large pieces would only cost memory.
 */
export class WriteBuffer {
  readonly #limits: WriteLimits
  #closed = emptyPart()
  #open = emptyPart()
  #hasClosed = false
  /** The beginning of the open transaction has been taken. */
  #isCutting = false

  constructor(limits: WriteLimits = DEFAULT_WRITE_LIMITS) {
    this.#limits = limits
  }

  get records(): number {
    return this.#closed.records.length + this.#open.records.length
  }

  get bytes(): number {
    return this.#closed.bytes + this.#open.bytes
  }

  /** Nothing more may be added before a write has taken something. */
  get isFull(): boolean {
    return this.#hasTarget(this.#closed) || this.#isPieceFull
  }

  /** Is there something that may be written now? Of an unfinished transaction, only what fills the buffer. */
  get isReady(): boolean {
    return this.#hasClosed || this.#isPieceFull
  }

  get #isPieceFull(): boolean {
    if (this.#isCutting) return this.#hasTarget(this.#open)
    return this.records >= this.#limits.maxRecords || this.bytes >= this.#limits.maxBytes
  }

  #hasTarget({ records, bytes }: Part): boolean {
    return records.length >= this.#limits.targetRecords || bytes >= this.#limits.targetBytes
  }

  add(records: OutRecord[], batch: ChangeBatch): void {
    append(this.#open, { records, checkpoint: batch.checkpoint, bytes: recordBytes(records), batches: 1 })
    if (!batch.complete) return
    this.#close()
    this.#isCutting = false
  }

  /** Takes whole transactions if there are any, else the beginning of one that fills the buffer. */
  take(): Write {
    if (!this.#hasClosed) {
      this.#close()
      this.#isCutting = true
    }
    const write = this.#closed
    this.#closed = emptyPart()
    this.#hasClosed = false
    return write
  }

  #close(): void {
    append(this.#closed, this.#open)
    this.#open = emptyPart()
    this.#hasClosed = true
  }
}

function append(to: Part, part: Part): void {
  if (to.records.length === 0) to.records = part.records
  else for (const record of part.records) to.records.push(record)
  to.checkpoint = { ...to.checkpoint, ...part.checkpoint }
  to.bytes += part.bytes
  to.batches += part.batches
}

/** What a record costs beside its bytes: objects, and the client's framing. */
const RECORD_OVERHEAD = 100

function recordBytes(records: readonly OutRecord[]): number {
  let bytes = 0
  for (const record of records) {
    bytes += RECORD_OVERHEAD + Math.max(keyLength(record), 0) + Math.max(valueLength(record), 0)
    if (record.headers !== undefined) bytes += headerLength(record.headers)
  }
  return bytes
}

/** A header can hold more than its value: the texts of all that fits no type. */
function headerLength(headers: Readonly<Record<string, string>>): number {
  let bytes = 0
  for (const name in headers) bytes += name.length + headers[name]!.length
  return bytes
}
