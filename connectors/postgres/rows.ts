import { TributaryError } from '../../core/errors.ts'
import { type Op, type Row, type Table, UNAVAILABLE, type Value } from '../../core/types.ts'
import type { Cursor } from './cursor.ts'
import type { DecodeText } from './values.ts'

// Insert, Update, Delete: the messages that carry rows, and the one place where every byte of them passes.
// "Logical Replication Message Formats" (protocol-logicalrep-message-formats):
//   Insert: Byte1('I') Int32(relation) Byte1('N') TupleData(new)
//   Update: Byte1('U') Int32(relation) [Byte1('K') TupleData(key) | Byte1('O') TupleData(old)] Byte1('N') TupleData(new)
//   Delete: Byte1('D') Int32(relation) (Byte1('K') TupleData(key) | Byte1('O') TupleData(old))
//   TupleData: Int16(columns) and for each: Byte1('n') null | Byte1('u') unchanged and not sent |
//              Byte1('t') Int32(length) text

const NEW = 0x4e
const OLD = 0x4f
const KEY = 0x4b
const NULL = 0x6e
const UNCHANGED = 0x75
const TEXT = 0x74

/** A table with what is needed to read its rows. */
export interface RowShape {
  readonly table: Table
  readonly columns: readonly ColumnReader[]
}

export interface ColumnReader {
  readonly decodeText: DecodeText
  /** Such columns are filled in every tuple of an old row; others may stand there as null when they were not logged. */
  readonly isIdentity: boolean
}

export interface RowImages {
  readonly before: Row | null
  readonly after: Row | null
}

/** The table id with which each of these messages begins. */
export const readRelationId = (cursor: Cursor): number => cursor.uint32()

/**
 * The rows of a change. On update, `before` is null when the server did not log the old row because no column of the
 * identity changed.
 * @throws TributaryError PROTOCOL_MALFORMED, PROTOCOL_UNKNOWN, VALUE_INVALID
 */
export function readImages(op: Op, cursor: Cursor, shape: RowShape): RowImages {
  const kind = cursor.uint8()
  if (op === 'd') return { before: readOldTuple(cursor, shape, kind), after: null }
  if (op === 'c' || kind === NEW) {
    expectTuple(kind, NEW, shape)
    return { before: null, after: readTuple(cursor, shape, null) }
  }
  const before = readOldTuple(cursor, shape, kind)
  expectTuple(cursor.uint8(), NEW, shape)
  return { before, after: readTuple(cursor, shape, before) }
}

function readOldTuple(cursor: Cursor, shape: RowShape, kind: number): Value[] {
  if (kind !== OLD) expectTuple(kind, KEY, shape)
  const row = readTuple(cursor, shape, null)
  // Nulls stand where the old values were not logged; those nulls say nothing. The letter does not tell: it speaks of the
  // table, and what is logged is decided by each of its partitions.
  for (let index = 0; index < row.length; index++) {
    if (row[index] === null && !shape.columns[index]?.isIdentity) row[index] = UNAVAILABLE
  }
  return row
}

/** A large value that stayed as it was is not sent again; a full image of the old row has it. */
function readTuple(cursor: Cursor, shape: RowShape, before: readonly Value[] | null): Value[] {
  const { columns } = shape
  const count = cursor.uint16()
  if (count !== columns.length) throw wrongColumnCount(shape, count)
  const row: Value[] = []
  for (let index = 0; index < count; index++) {
    const kind = cursor.uint8()
    if (kind === TEXT) {
      const length = cursor.int32()
      const start = cursor.pass(length)
      const value = (columns[index] as ColumnReader).decodeText(cursor.bytes, start, start + length)
      if (value === undefined) throw invalidValue(shape.table, index)
      row.push(value)
    } else if (kind === NULL) row.push(null)
    else if (kind === UNCHANGED) row.push(before === null ? UNAVAILABLE : (before[index] as Value))
    else throw unknownKind(shape, 'a value', kind)
  }
  return row
}

function expectTuple(kind: number, expected: number, shape: RowShape): void {
  if (kind !== expected) throw unknownKind(shape, 'a row', kind)
}

function unknownKind({ table }: RowShape, what: string, kind: number): TributaryError {
  return new TributaryError(
    'PROTOCOL_UNKNOWN',
    `A change of ${table.schema}.${table.name} has ${what} of unknown kind 0x${kind.toString(16)}.`,
  )
}

function wrongColumnCount({ table, columns }: RowShape, count: number): TributaryError {
  return new TributaryError(
    'PROTOCOL_MALFORMED',
    `A row of ${table.schema}.${table.name} has ${count} columns where ${columns.length} were announced.`,
  )
}

function invalidValue(table: Table, index: number): TributaryError {
  const column = table.columns[index]
  return new TributaryError(
    'VALUE_INVALID',
    `Column ${column?.name} of ${table.schema}.${table.name} holds something that is no ${column?.nativeType}.`,
  )
}
