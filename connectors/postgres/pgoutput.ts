import { TributaryError } from '../../core/errors.ts'
import type { Cursor } from './cursor.ts'

// What the server sends, as the Postgres manual has it:
//   "Streaming Replication Protocol" (protocol-replication), for what surrounds each message,
//   "Logical Replication Message Formats" (protocol-logicalrep-message-formats), for pgoutput, protocol version 1.
// Rows are read in rows.ts. Int32 and the like are big-endian; String ends with a zero byte.

/** First byte of what comes in a CopyData message. */
export const ENVELOPE = { walData: 0x77 /* w */, keepalive: 0x6b /* k */ } as const

/** First byte of a pgoutput message. */
export const TAG = {
  begin: 0x42 /* B */,
  commit: 0x43 /* C */,
  origin: 0x4f /* O */,
  relation: 0x52 /* R */,
  type: 0x59 /* Y */,
  insert: 0x49 /* I */,
  update: 0x55 /* U */,
  delete: 0x44 /* D */,
  truncate: 0x54 /* T */,
  message: 0x4d /* M */,
} as const

/** 2000-01-01, where Postgres begins to count, in microseconds since 1970-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000

/**
 * XLogData: Byte1('w') Int64(LSN of what follows) Int64(end of the log on the server) Int64(server's clock) data.
 * Reads the rest of the header, and returns the LSN: a number while that is exact.
 */
export function readWalDataHeader(cursor: Cursor): number | bigint {
  const start = cursor.pass(24)
  const high = cursor.bytes.readUInt32BE(start)
  const low = cursor.bytes.readUInt32BE(start + 4)
  return high < 0x20_0000 ? high * 0x1_0000_0000 + low : (BigInt(high) << 32n) | BigInt(low)
}

/** The server's clock when it sent a message of the log, in microseconds since 1970-01-01; `end` is that of the header. */
export function readSentAt({ bytes }: Cursor, end: number): number {
  return bytes.readUInt32BE(end - 8) * 0x1_0000_0000 + bytes.readUInt32BE(end - 4) + POSTGRES_EPOCH_US
}

export interface ServerKeepalive {
  /** The server has decoded its log up to here, and sent all that was committed before. */
  readonly lsn: bigint
  readonly wantsReply: boolean
}

/** Primary keepalive: Byte1('k') Int64(LSN) Int64(server's clock) Byte1(1: reply at once). */
export function readKeepalive(cursor: Cursor): ServerKeepalive {
  const lsn = cursor.uint64()
  cursor.pass(8)
  return { lsn, wantsReply: cursor.uint8() === 1 }
}

export interface Begin {
  /** Where the commit record begins; identifies the transaction together with `xid`. */
  readonly commitLsn: bigint
  readonly timeUs: number
  readonly xid: number
}

/** Begin: Byte1('B') Int64(LSN of the commit) Int64(commit time) Int32(xid). */
export function readBegin(cursor: Cursor): Begin {
  const commitLsn = cursor.uint64()
  const timeUs = cursor.safeInt64() + POSTGRES_EPOCH_US
  return { commitLsn, timeUs, xid: cursor.uint32() }
}

export interface End {
  readonly commitLsn: bigint
  /** The first byte behind the commit record. */
  readonly endLsn: bigint
}

/** Commit: Byte1('C') Int8(0) Int64(LSN of the commit) Int64(its end) Int64(commit time). */
export function readCommit(cursor: Cursor): End {
  cursor.pass(1)
  const end = { commitLsn: cursor.uint64(), endLsn: cursor.uint64() }
  cursor.pass(8)
  return end
}

/** Which columns of the old row the server logs: those of the primary key, none, all, those of an index. */
export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index'

const IDENTITIES: Readonly<Record<number, ReplicaIdentity>> = {
  100: 'default' /* d */,
  110: 'nothing' /* n */,
  102: 'full' /* f */,
  105: 'index' /* i */,
}

export interface RelationColumn {
  readonly name: string
  readonly typeOid: number
  /** What stands in the brackets of `numeric(10,2)`, packed; -1: nothing. */
  readonly typeModifier: number
  /** Is this one of the columns by which the old row is identified? */
  readonly isIdentity: boolean
}

/** A table as it was when the rows that follow were written. */
export interface Relation {
  readonly id: number
  readonly schema: string
  readonly name: string
  readonly identity: ReplicaIdentity
  readonly columns: readonly RelationColumn[]
}

/**
 * Relation: Byte1('R') Int32(id) String(schema; empty: pg_catalog) String(name) Int8(replica identity) Int16(columns)
 * and for each column: Int8(1: part of the identity) String(name) Int32(type's OID) Int32(type modifier).
 */
export function readRelation(cursor: Cursor): Relation {
  const id = cursor.uint32()
  const schema = cursor.text() || 'pg_catalog'
  const name = cursor.text()
  const identity = IDENTITIES[cursor.uint8()]
  if (!identity)
    throw new TributaryError('PROTOCOL_UNKNOWN', `${schema}.${name} has an unknown replica identity.`)
  const columns = Array.from({ length: cursor.uint16() }, () => readRelationColumn(cursor))
  return { id, schema, name, identity, columns }
}

function readRelationColumn(cursor: Cursor): RelationColumn {
  const isIdentity = (cursor.uint8() & 1) === 1
  return { name: cursor.text(), typeOid: cursor.uint32(), typeModifier: cursor.int32(), isIdentity }
}

/** Truncate: Byte1('T') Int32(relations) Int8(1: CASCADE, 2: RESTART IDENTITY) and the id of each relation. */
export function readTruncate(cursor: Cursor): number[] {
  const count = cursor.uint32()
  cursor.pass(1)
  if (count * 4 !== cursor.remaining) {
    throw new TributaryError(
      'PROTOCOL_MALFORMED',
      `A truncate message does not hold the ${count} tables it names.`,
    )
  }
  return Array.from({ length: count }, () => cursor.uint32())
}
