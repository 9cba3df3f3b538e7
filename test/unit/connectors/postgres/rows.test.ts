import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Cursor } from '../../../../connectors/postgres/cursor.ts'
import {
  ENVELOPE,
  type Relation,
  readRelation,
  readTruncate,
  readWalDataHeader,
  TAG,
} from '../../../../connectors/postgres/pgoutput.ts'
import { type RowShape, readImages, readRelationId } from '../../../../connectors/postgres/rows.ts'
import type { BaseType } from '../../../../connectors/postgres/types/codec.ts'
import { typeCodec } from '../../../../connectors/postgres/values.ts'
import { UNAVAILABLE, type Value } from '../../../../core/types.ts'
import { column, table } from '../../../support/events.ts'
import { type TupleValue, UNCHANGED, WireMessages } from '../../../support/pgoutput-messages.ts'

/** A type, a value, and the text that the server prints of it. */
interface Cell {
  readonly type: BaseType
  readonly value: Value
  readonly text: string
}

const base = (typeOid: number): BaseType => ({ typeOid, typeModifier: -1 })
const TEXTS: BaseType = { ...base(1009), array: { element: base(25), delimiter: ',', dimensions: 1 } }

const anyText = fc
  .string({ unit: 'binary', maxLength: 30 })
  .map(text => text.toWellFormed().replaceAll('\0', ''))
const cellOf = <T extends Value>(type: BaseType, values: fc.Arbitrary<T>, print: (value: T) => string) =>
  values.map((value): Cell => ({ type, value, text: print(value) }))

const quoted = (text: string | null) => (text === null ? 'NULL' : `"${text.replace(/["\\]/g, '\\$&')}"`)

/** One arbitrary for each type, so that a column keeps its type from row to row. */
const cells: readonly fc.Arbitrary<Cell>[] = [
  cellOf(base(16), fc.boolean(), value => (value ? 't' : 'f')),
  cellOf(base(17), fc.uint8Array({ maxLength: 20 }), value => `\\x${Buffer.from(value).toString('hex')}`),
  cellOf(base(20), fc.maxSafeInteger(), String),
  cellOf(base(25), anyText, text => text),
  cellOf(base(701), fc.double({ noNaN: true }), value => (Object.is(value, -0) ? '-0' : String(value))),
  cellOf(base(2950), fc.uuid(), text => text),
  cellOf(TEXTS, fc.array(fc.option(anyText), { maxLength: 5 }), texts => `{${texts.map(quoted).join()}}`),
]

interface Change {
  readonly columns: readonly { readonly isIdentity: boolean; readonly type: BaseType }[]
  readonly before: readonly (Cell | null)[]
  readonly after: readonly (Cell | null | 'unchanged')[]
}

const change: fc.Arbitrary<Change> = fc
  .array(fc.record({ isIdentity: fc.boolean(), kind: fc.nat(cells.length - 1) }), {
    minLength: 1,
    maxLength: 12,
  })
  .chain(kinds => {
    const row = kinds.map(({ kind }) => cells[kind] as fc.Arbitrary<Cell>)
    return fc.record({
      columns: fc
        .tuple(...row)
        .map(sample =>
          kinds.map(({ isIdentity }, index) => ({ isIdentity, type: (sample[index] as Cell).type })),
        ),
      before: fc.tuple(...row.map(cell => fc.option(cell))),
      after: fc.tuple(...row.map(cell => fc.oneof(fc.option(cell), fc.constant('unchanged' as const)))),
    })
  })

const tuple = (row: Change['after']): TupleValue[] =>
  row.map(cell => (cell === 'unchanged' ? UNCHANGED : (cell?.text ?? null)))

function shapeOf({ columns }: Change): RowShape {
  const codecs = columns.map(({ type }) => typeCodec(type, { decimals: 'precise' }))
  return {
    table: table('items', { columns: codecs.map(({ type }, index) => column(`c${index}`, type)) }),
    columns: codecs.map(({ decodeText }, index) => ({ decodeText, isIdentity: columns[index]!.isIdentity })),
  }
}

/** Turns to what is inside the envelope, behind its tag. */
function unwrap(message: Buffer, tag: number): Cursor {
  const cursor = new Cursor()
  cursor.turnTo(message, 0, message.length)
  assert.equal(cursor.uint8(), ENVELOPE.walData)
  readWalDataHeader(cursor)
  assert.equal(cursor.uint8(), tag)
  return cursor
}

it('Rows are read as they were written, whatever their columns', () => {
  fc.assert(
    fc.property(change, sent => {
      const shape = shapeOf(sent)
      const [key, after] = [tuple(sent.before), tuple(sent.after)]
      const message = new WireMessages().update(7, { before: key, after })
      const cursor = unwrap(message, TAG.update)
      assert.equal(readRelationId(cursor), 7)
      const read = readImages('u', cursor, shape)
      // A null in an old row says nothing where the server does not promise the column.
      const before = sent.before.map((cell, index) =>
        cell === null && !sent.columns[index]!.isIdentity ? UNAVAILABLE : (cell?.value ?? null),
      )
      const expected = sent.after.map((cell, index) =>
        cell === 'unchanged' ? before[index] : (cell?.value ?? null),
      )
      assert.deepEqual(plain(read.before), plain(before))
      assert.deepEqual(plain(read.after), plain(expected as Value[]))
      assert.equal(cursor.remaining, 0)
    }),
  )
})

/** Bytes compare by content, whatever class holds them. */
const plain = (row: readonly Value[] | null) =>
  row?.map(value => (value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value))

const name = anyText.filter(text => text !== '')
const relation: fc.Arbitrary<Relation> = fc.record(
  {
    id: fc.nat({ max: 0xffff_ffff }),
    schema: name,
    name,
    identity: fc.constantFrom('default', 'nothing', 'full', 'index'),
    columns: fc.array(
      fc.record(
        {
          name,
          typeOid: fc.nat({ max: 0xffff_ffff }),
          typeModifier: fc.integer(),
          isIdentity: fc.boolean(),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 10 },
    ),
  },
  { noNullPrototype: true },
)

it('Descriptions of tables are read as they were written, and so are truncates', () => {
  fc.assert(
    fc.property(relation, fc.array(fc.nat({ max: 0xffff_ffff }), { maxLength: 20 }), (sent, ids) => {
      const wire = new WireMessages()
      assert.deepEqual(readRelation(unwrap(wire.relation(sent), TAG.relation)), sent)
      assert.deepEqual(readTruncate(unwrap(wire.truncate(ids), TAG.truncate)), ids)
    }),
  )
})
