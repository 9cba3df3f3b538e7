import type { Batcher, RowChange } from '../../core/batcher.ts'
import { asTributaryError, TributaryError } from '../../core/errors.ts'
import type { CheckpointEntry, Op, Table } from '../../core/types.ts'
import type { Cursor } from './cursor.ts'
import { type LogMessage, type MessageRules, readMessage } from './messages.ts'
import {
  type Begin,
  ENVELOPE,
  type Relation,
  readBegin,
  readCommit,
  readKeepalive,
  readRelation,
  readSentAt,
  readTruncate,
  readWalDataHeader,
  TAG,
} from './pgoutput.ts'
import {
  type Cut,
  commitDigits,
  formatLsn,
  type History,
  laterLsn,
  type Position,
  writePosition,
} from './position.ts'
import { readImages, readRelationId } from './rows.ts'
import type { Tables } from './tables.ts'

/** A row as text; in memory it is a few times that, and one value of twice the size would be longer than a string can be. */
const MAX_ROW_BYTES = 256 << 20

export interface LogReaderParts {
  readonly batcher: Batcher
  readonly tables: Tables
  /** Undefined: messages are not asked for. */
  readonly messages?: MessageRules | undefined
  /** Where the stream begins. */
  readonly from: Position
  readonly epoch: number
  /** Of the settings, see `Capture`. */
  readonly fingerprint: string
  /** The server wants to hear from us. */
  readonly onReplyWanted: () => void
  /** Begins every message about this connector. */
  readonly where: string
}

/**
 * Messages of the log, one after the other, become rows in the batcher and progress.
 *
 * States: between transactions -Begin-> inside one -Commit-> between transactions. Progress is only made between: a
 * position inside a transaction is the progress before it, with a count of its events.
 */
export class LogReader {
  readonly #parts: LogReaderParts
  /** Everything that was committed before this has been handed to the batcher. */
  #progress: bigint
  /** The transaction that an earlier run has published in part, until it comes. */
  #cut: Cut | null
  #history: History | null
  #begin: Begin | null = null
  /** Where the message being read stands in the log. */
  #lsn: number | bigint = 0

  constructor(parts: LogReaderParts) {
    this.#parts = parts
    this.#progress = parts.from.lsn
    this.#cut = parts.from.cut
    this.#history = parts.from.history ?? null
  }

  /** Everything that was committed before this has been handed over. */
  get progress(): bigint {
    return this.#progress
  }

  /** The server goes on with the same log under another timeline: a standby was promoted, or its primary was replaced. */
  continueOn(history: History): void {
    this.#history = history
  }

  /**
   * The entry that is true once all events are durable: of the transactions that have ended, or also those that have
   * been read `inside` the one under way.
   */
  entry(place: 'end' | 'inside'): CheckpointEntry {
    const cut = place === 'inside' ? this.#placeInside() : this.#cut
    const history = this.#history ? { history: this.#history } : {}
    return { position: writePosition({ lsn: this.#progress, cut, ...history }), epoch: this.#parts.epoch }
  }

  /**
   * Reads the message at `cursor`. A promise only if there is something to wait for (a table not seen before).
   * @throws TributaryError with the place in the log
   */
  read(cursor: Cursor): Promise<void> | null {
    try {
      const envelope = cursor.uint8()
      if (envelope === ENVELOPE.walData) return this.#readWalData(cursor)
      if (envelope === ENVELOPE.keepalive) return this.#readKeepalive(cursor)
      throw unknownMessage(envelope)
    } catch (error) {
      throw this.#located(error)
    }
  }

  #readWalData(cursor: Cursor): Promise<void> | null {
    this.#lsn = readWalDataHeader(cursor)
    const start = cursor.offset
    const waiting = this.#dispatch(cursor)
    if (cursor.remaining > 0) {
      const tag = String.fromCharCode(cursor.bytes[start] ?? 0)
      throw new TributaryError(
        'PROTOCOL_MALFORMED',
        `A message ${tag} goes on for ${cursor.remaining} bytes after its end.`,
      )
    }
    return waiting
  }

  #dispatch(cursor: Cursor): Promise<void> | null {
    const tag = cursor.uint8()
    switch (tag) {
      case TAG.insert:
        return this.#readRow('c', cursor)
      case TAG.update:
        return this.#readRow('u', cursor)
      case TAG.delete:
        return this.#readRow('d', cursor)
      case TAG.begin:
        return this.#beginTransaction(readBegin(cursor))
      case TAG.commit:
        return this.#endTransaction(cursor)
      case TAG.relation:
        return this.#describe(readRelation(cursor))
      case TAG.truncate:
        return this.#truncate(cursor)
      case TAG.message:
        return this.#readMessage(cursor)
      // Where the change was first made, and what types are called: no rows.
      case TAG.origin:
      case TAG.type:
        return leave(cursor)
      default:
        throw unknownMessage(tag)
    }
  }

  #describe(relation: Relation): Promise<void> | null {
    const waiting = this.#parts.tables.describe(relation)
    if (!waiting) return null
    return waiting.catch((error: unknown) => {
      throw this.#located(error)
    })
  }

  /** Keepalives come in order with everything else: what was committed before their LSN has come. */
  #readKeepalive(cursor: Cursor): null {
    const { lsn, wantsReply } = readKeepalive(cursor)
    this.#lsn = lsn
    if (this.#cut && lsn > this.#cut.commitLsn) throw replayMismatch(this.#cut, 'the log has passed it')
    if (!this.#begin && !this.#cut) this.#progress = laterLsn(this.#progress, lsn)
    if (wantsReply) this.#parts.onReplyWanted()
    return null
  }

  #beginTransaction(begin: Begin): null {
    if (this.#begin) throw misplaced('A transaction begins before the one that has begun is committed.')
    const { batcher } = this.#parts
    const cut = this.#cut
    const isCut = cut !== null && cut.commitLsn === begin.commitLsn && cut.xid === begin.xid
    if (cut && !isCut && begin.commitLsn >= cut.commitLsn) {
      throw replayMismatch(cut, `transaction ${begin.xid} at ${formatLsn(begin.commitLsn)} comes instead`)
    }
    if (isCut) this.#cut = null
    this.#begin = begin
    const commit = {
      id: String(begin.xid),
      timeUs: begin.timeUs,
      coordinate: this.#coordinate(begin.commitLsn),
      source: { txId: begin.xid, xmin: null },
    }
    batcher.begin(commit, isCut ? cut : undefined)
    return null
  }

  #endTransaction(cursor: Cursor): null {
    const { commitLsn, endLsn } = readCommit(cursor)
    if (commitLsn !== this.#begin?.commitLsn) {
      throw misplaced('A commit does not belong to the transaction that has begun.')
    }
    this.#parts.batcher.end()
    this.#begin = null
    this.#progress = laterLsn(this.#progress, endLsn)
    return null
  }

  #readRow(op: Op, cursor: Cursor): null {
    const bytes = cursor.remaining
    const shape = this.#parts.tables.shape(readRelationId(cursor))
    if (!shape) return leave(cursor)
    if (bytes > MAX_ROW_BYTES) throw rowTooLarge(shape.table, bytes)
    const { before, after } = readImages(op, cursor, shape)
    this.#add({ table: shape.table, op, before, after, logPosition: this.#lsn, bytes })
    return null
  }

  #truncate(cursor: Cursor): null {
    for (const id of readTruncate(cursor)) {
      const table = this.#parts.tables.shape(id)?.table
      if (table) this.#add({ table, op: 't', before: null, after: null, logPosition: this.#lsn, bytes: 0 })
    }
    return null
  }

  #readMessage(cursor: Cursor): null {
    const sentAt = readSentAt(cursor, cursor.offset - 1)
    const message = readMessage(cursor)
    if (message.isTransactional !== (this.#begin !== null)) {
      throw new TributaryError(
        'PROTOCOL_MALFORMED',
        'A message stands in a transaction that it is not part of.',
      )
    }
    if (message.isTransactional) this.#addMessage(message)
    else this.#tellAlone(message, sentAt)
    return null
  }

  /**
   * A message in no transaction is like a transaction of its own: it is sent when the server comes to it in its log, which is
   * between transactions, since these are sent whole at their commits. The server sends again what begins at the place
   * where it resumes or later, so progress is made to the message's end.
   */
  #tellAlone(message: LogMessage, sentAt: number): void {
    const { endLsn } = message
    if (endLsn <= this.#progress) return
    const { batcher } = this.#parts
    // Its last byte: where it ends, the commit of a transaction may begin.
    const coordinate = this.#coordinate(endLsn - 1n)
    batcher.begin({ id: '', timeUs: sentAt, coordinate, source: { txId: null, xmin: null } })
    this.#addMessage(message)
    batcher.end()
    this.#progress = endLsn
  }

  #addMessage(message: LogMessage): void {
    const { messages } = this.#parts
    if (!messages?.tells(message)) return
    const { prefix, content } = message
    const { table } = messages
    const bytes = prefix.length + content.length
    this.#add({ table, op: 'm', before: null, after: [prefix, content], logPosition: this.#lsn, bytes })
  }

  #coordinate(commitLsn: bigint): string {
    return `${this.#parts.epoch.toString(16).padStart(4, '0')}-${commitDigits(commitLsn)}`
  }

  #add(change: RowChange): void {
    if (this.#cut) throw replayMismatch(this.#cut, `rows of transaction ${this.#begin?.xid} come before it`)
    this.#parts.batcher.add(change)
  }

  /** The transaction whose beginning alone will be durable; null between transactions. */
  #placeInside(): Cut | null {
    if (this.#cut || !this.#begin) return this.#cut
    const { batcher, fingerprint } = this.#parts
    const { commitLsn, xid } = this.#begin
    return batcher.cut.skip === 0 ? null : { commitLsn, xid, capture: fingerprint, ...batcher.cut }
  }

  #located(thrown: unknown): TributaryError {
    const error = asTributaryError(thrown)
    const message = `${this.#parts.where}, at ${formatLsn(BigInt(this.#lsn))}: ${error.message}`
    return new TributaryError(error.code, message, { cause: thrown })
  }
}

function leave(cursor: Cursor): null {
  cursor.pass(cursor.remaining)
  return null
}

function misplaced(message: string): TributaryError {
  return new TributaryError('PROTOCOL_MALFORMED', message)
}

function rowTooLarge({ schema, name }: Table, bytes: number): TributaryError {
  return new TributaryError(
    'ROW_TOO_LARGE',
    `A change of ${schema}.${name} takes ${bytes} bytes, and ${MAX_ROW_BYTES} is the most that can be read.`,
  )
}

function unknownMessage(tag: number): TributaryError {
  const character = tag > 0x20 && tag < 0x7f ? ` (${String.fromCharCode(tag)})` : ''
  return new TributaryError(
    'PROTOCOL_UNKNOWN',
    `a message of unknown kind 0x${tag.toString(16)}${character}.`,
  )
}

function replayMismatch(cut: Cut, found: string): TributaryError {
  return new TributaryError(
    'REPLAY_MISMATCH',
    `${cut.skip} events of transaction ${cut.xid} at ${formatLsn(cut.commitLsn)} are published, but ${found}.`,
  )
}
