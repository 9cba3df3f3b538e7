import type { Relation } from '../../connectors/postgres/pgoutput.ts'

/** A value of a tuple: text, null, or one the server did not send again. */
export type TupleValue = string | null | { readonly unchanged: true }

export const UNCHANGED = { unchanged: true } as const

const IDENTITY_LETTERS = { default: 'd', nothing: 'n', full: 'f', index: 'i' } as const

/** Builds what a Postgres server sends on a replication link, each message in its envelope. */
export class WireMessages {
  /** Where the next message stands in the log. */
  lsn = 0x16b3748n

  begin({ xid, commitLsn, timeUs = 0n }: { xid: number; commitLsn: bigint; timeUs?: bigint }): Buffer {
    return this.walData(letter('B'), int64(commitLsn), int64(timeUs), int32(xid))
  }

  commit({ commitLsn, endLsn }: { commitLsn: bigint; endLsn: bigint }): Buffer {
    return this.walData(letter('C'), int8(0), int64(commitLsn), int64(endLsn), int64(0n))
  }

  relation({ id, schema, name, identity, columns }: Relation): Buffer {
    return this.walData(
      letter('R'),
      int32(id),
      text(schema),
      text(name),
      letter(IDENTITY_LETTERS[identity]),
      int16(columns.length),
      ...columns.flatMap(column => [
        int8(column.isIdentity ? 1 : 0),
        text(column.name),
        int32(column.typeOid),
        int32(column.typeModifier),
      ]),
    )
  }

  insert(relation: number, values: readonly TupleValue[]): Buffer {
    return this.walData(letter('I'), int32(relation), letter('N'), tuple(values))
  }

  update(
    relation: number,
    row: { key?: readonly TupleValue[]; before?: readonly TupleValue[]; after: readonly TupleValue[] },
  ): Buffer {
    const old = row.key ? [letter('K'), tuple(row.key)] : row.before ? [letter('O'), tuple(row.before)] : []
    return this.walData(letter('U'), int32(relation), ...old, letter('N'), tuple(row.after))
  }

  delete(relation: number, row: { key?: readonly TupleValue[]; before?: readonly TupleValue[] }): Buffer {
    const old = row.key ? [letter('K'), tuple(row.key)] : [letter('O'), tuple(row.before ?? [])]
    return this.walData(letter('D'), int32(relation), ...old)
  }

  truncate(relations: readonly number[]): Buffer {
    return this.walData(letter('T'), int32(relations.length), int8(0), ...relations.map(int32))
  }

  message(endLsn: bigint, parts: { isTransactional: boolean; prefix: string; content: string }): Buffer {
    const content = Buffer.from(parts.content)
    return this.walData(
      letter('M'),
      int8(parts.isTransactional ? 1 : 0),
      int64(endLsn),
      text(parts.prefix),
      int32(content.length),
      content,
    )
  }

  keepalive(lsn: bigint, wantsReply = false): Buffer {
    return Buffer.concat([letter('k'), int64(lsn), int64(0n), int8(wantsReply ? 1 : 0)])
  }

  /** Any message of the log in its envelope. */
  walData(...parts: readonly Buffer[]): Buffer {
    const header = [letter('w'), int64(this.lsn), int64(this.lsn), int64(0n)]
    this.lsn += 8n
    return Buffer.concat([...header, ...parts])
  }
}

export const letter = (character: string): Buffer => Buffer.from(character, 'latin1')

const text = (value: string): Buffer => Buffer.from(`${value}\0`)

function tuple(values: readonly TupleValue[]): Buffer {
  return Buffer.concat([int16(values.length), ...values.map(tupleValue)])
}

function tupleValue(value: TupleValue): Buffer {
  if (value === null) return letter('n')
  if (typeof value !== 'string') return letter('u')
  const bytes = Buffer.from(value)
  return Buffer.concat([letter('t'), int32(bytes.length), bytes])
}

const int8 = (value: number): Buffer => Buffer.of(value)

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value | 0)
  return bytes
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt.asIntN(64, value))
  return bytes
}
