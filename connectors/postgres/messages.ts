import type { Table } from '../../core/types.ts'
import type { Cursor } from './cursor.ts'
import { matchesAny, namePattern } from './table-filter.ts'

// What applications write into the log with pg_logical_emit_message(transactional, prefix, content).
// "Logical Replication Message Formats" (protocol-logicalrep-message-formats), protocol version 1:
//   Message: Byte1('M') Int8(1: transactional) Int64(LSN, that of its end) String(prefix) Int32(length) Byten(content)

export interface LogMessage {
  /** Part of a transaction, and told with it. Others are in the log at once, whatever becomes of theirs. */
  readonly isTransactional: boolean
  /** Where it ends in the log. (Changes of rows are said to stand where they begin.) */
  readonly endLsn: bigint
  readonly prefix: string
  readonly content: Uint8Array
}

export function readMessage(cursor: Cursor): LogMessage {
  const isTransactional = (cursor.uint8() & 1) === 1
  const endLsn = cursor.uint64()
  const prefix = cursor.text()
  const length = cursor.int32()
  const start = cursor.pass(length)
  // The bytes will be used for other messages.
  const content = Uint8Array.prototype.slice.call(cursor.bytes, start, start + length)
  return { isTransactional, endLsn, prefix, content }
}

/** The `messages` setting: which are told, by their prefix. */
export class MessageRules {
  readonly #patterns: readonly RegExp[]
  /** What messages are events of: no table, so it has no name. */
  readonly table: Table

  constructor(globs: readonly string[], database: string) {
    this.#patterns = globs.map(namePattern)
    this.table = {
      database,
      schema: '',
      name: '',
      columns: [
        { name: 'prefix', type: { kind: 'string' }, nativeType: 'text' },
        { name: 'content', type: { kind: 'bytes' }, nativeType: 'bytea' },
      ],
      key: [0],
      deferrableKey: false,
    }
  }

  tells({ prefix }: LogMessage): boolean {
    return matchesAny(this.#patterns, prefix)
  }
}
