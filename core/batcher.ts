import { TributaryError } from './errors.ts'
import { EventTrace } from './event-trace.ts'
import { KeyMoves, keyChanged } from './key-moves.ts'
import type { ChangeBatch, ChangeEvent, CheckpointEntry, Commit, Op, Row, Table } from './types.ts'

export interface BatchLimits {
  readonly maxEvents: number
  /** Of wire bytes; what they become in memory is a few times that. */
  readonly maxBytes: number
}

/** Small enough that two of them in the making weigh nothing, large enough that the cost of a hand-over is lost in it. */
export const DEFAULT_BATCH_LIMITS: BatchLimits = { maxEvents: 1_000, maxBytes: 1 << 20 }

/** One row change as a log tells it. */
export interface RowChange {
  readonly table: Table
  readonly op: Op
  readonly before: Row | null
  readonly after: Row | null
  readonly logPosition: number | bigint
  /** What it took on the wire. */
  readonly bytes: number
}

/** How much of a transaction is durable. */
export interface Cut {
  /** How many of its events. */
  readonly skip: number
  /** What `EventTrace` makes of these; without it they are only counted. */
  readonly trace?: string
}

const NOTHING: Cut = { skip: 0 }

/**
 * Rows of a log, in its order, become batches of events: ordinals are given, an update that moves a row to
 * another key becomes a delete and a create, and what an earlier run has already published is left out.
 *
 * States: between transactions -begin-> inside one -end-> between transactions. `take` is allowed in both.
 */
export class Batcher {
  readonly #limits: BatchLimits
  readonly #moves = new KeyMoves()
  #events: ChangeEvent[] = []
  #bytes = 0
  /** How many of these belong to transactions that have ended, and their bytes; null: none has, since `take`. */
  #ended: { readonly events: number; readonly bytes: number } | null = null
  /** The beginning of a transaction has been handed over, and its end has not. */
  #owesEnd = false
  #commit: Commit | null = null
  #ordinal = 0
  /** What an earlier run has published of the current transaction. */
  #published = NOTHING
  readonly #trace = new EventTrace()
  /** How many events of a table the transaction has had; its versions share one count. */
  #tableCounts = new Map<Table, { events: number }>()

  constructor(limits: BatchLimits = DEFAULT_BATCH_LIMITS) {
    this.#limits = limits
  }

  get isFull(): boolean {
    return this.#events.length >= this.#limits.maxEvents || this.#bytes >= this.#limits.maxBytes
  }

  /** Is there nothing to hand over: neither events nor the end of a transaction whose beginning has been? */
  get isEmpty(): boolean {
    return this.#events.length === 0 && !this.#ended
  }

  /** The transaction whose rows are coming, or null between two. */
  get commit(): Commit | null {
    return this.#commit
  }

  /**
   * What will be durable of the current transaction with all that has been made of it; while events are being left out,
   * what was published before.
   */
  get cut(): Cut {
    if (this.#ordinal <= this.#published.skip) return this.#published
    return { skip: this.#ordinal, trace: this.#trace.text }
  }

  /** A transaction begins; what was `published` of it is only counted, and compared. */
  begin(commit: Commit, published: Cut = NOTHING): void {
    this.#commit = commit
    this.#ordinal = 0
    this.#published = published
    this.#trace.clear()
    this.#tableCounts.clear()
    this.#moves.clear()
  }

  /**
   * @throws TributaryError PROTOCOL_MALFORMED outside a transaction; KEY_CHANGES_TOO_MANY; REPLAY_MISMATCH when the events
   * that were published before are not those that come now
   */
  add(change: RowChange): void {
    const commit = this.#commit
    if (!commit) throw outsideTransaction(change.table)
    const events = this.#events.length
    this.#makeEvents(commit, change)
    // Of what is left out nothing is held: a batch full of it would have nothing to hand over.
    if (this.#events.length > events) this.#bytes += change.bytes
  }

  #makeEvents(commit: Commit, change: RowChange): void {
    if (change.op === 'u' && change.after && keyChanged(change.table, change.before, change.after)) {
      if (!this.#keyStaysTaken(change)) this.#push(commit, { ...change, op: 'd', after: null })
      if (change.table.deferrableKey) this.#moves.arrive(change.table, change.after)
      this.#push(commit, { ...change, op: 'c', before: null })
    } else if (!change.table.deferrableKey || this.#settled(change)) {
      this.#push(commit, change)
    }
  }

  /**
   * The transaction ends.
   * @throws TributaryError REPLAY_MISMATCH when it had fewer events than an earlier run published of it
   */
  end(): void {
    const commit = this.#commit
    this.#commit = null
    const isNews = this.#events.length > 0 || this.#owesEnd
    if (isNews) this.#ended = { events: this.#events.length, bytes: this.#bytes }
    const { skip } = this.#published
    if (commit && this.#ordinal < skip)
      throw replayMismatch(commit, `it has ${this.#ordinal} events now`, skip)
  }

  /**
   * Hands over what has gathered, up to the end of the last transaction that has ended; what has come of the next
   * one stays for the next batch, since a batch that is not complete holds up what is. `entryAt` makes the entry that
   * is true once these events are durable: at the `end` of the last transaction, or `inside` the one under way.
   */
  take(entryAt: (place: 'end' | 'inside') => CheckpointEntry): ChangeBatch {
    const isInside = this.#commit !== null && !this.#ended && (this.#ordinal > 0 || this.#published.skip > 0)
    const { events, bytes } = this.#ended ?? { events: this.#events.length, bytes: this.#bytes }
    const batch: ChangeBatch = {
      events: this.#events.slice(0, events),
      checkpoint: { stream: entryAt(isInside ? 'inside' : 'end') },
      bytes,
      complete: !isInside,
    }
    this.#events = this.#events.slice(events)
    this.#bytes -= bytes
    this.#ended = null
    this.#owesEnd = isInside
    return batch
  }

  #push(commit: Commit, change: RowChange): void {
    const { table } = change
    const tableOrdinal = this.#countOf(table).events++
    const ordinal = this.#ordinal++
    this.#trace.add(table, change.op)
    const { skip, trace } = this.#published
    if (ordinal < skip) {
      if (this.#ordinal === skip && trace !== undefined && this.#trace.text !== trace) {
        throw replayMismatch(
          commit,
          'its events are others now: has a key been replaced, or have settings changed, since?',
          skip,
        )
      }
      return
    }
    this.#events.push({
      table,
      op: change.op,
      before: change.before,
      after: change.after,
      commit,
      ordinal,
      tableOrdinal,
      logPosition: change.logPosition,
    })
  }

  #countOf(table: Table): { events: number } {
    const known = this.#tableCounts.get(table)
    if (known) return known
    const { schema, name } = table
    const older = [...this.#tableCounts].find(([other]) => other.schema === schema && other.name === name)
    const count = older?.[1] ?? { events: 0 }
    this.#tableCounts.set(table, count)
    return count
  }

  #keyStaysTaken(change: RowChange): boolean {
    const { table, before } = change
    return table.deferrableKey && before !== null && this.#moves.leave(table, before)
  }

  /** Keeps account of a deferrable key; false when the event must not be told. */
  #settled(change: RowChange): boolean {
    const { table, op, before, after } = change
    if (op === 'c' && after) this.#moves.arrive(table, after)
    if (op === 'u' && before && after) this.#moves.change(table, before, after)
    if (op === 't') this.#moves.clear(table)
    return op !== 'd' || !this.#keyStaysTaken(change)
  }
}

function replayMismatch({ id, coordinate }: Commit, found: string, published: number): TributaryError {
  return new TributaryError(
    'REPLAY_MISMATCH',
    `${published} events of transaction ${id} (${coordinate}) are published, but ${found}.`,
  )
}

function outsideTransaction(table: Table): TributaryError {
  return new TributaryError(
    'PROTOCOL_MALFORMED',
    `The log has a row of ${table.schema}.${table.name} outside any transaction.`,
  )
}
