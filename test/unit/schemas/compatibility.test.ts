import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import fc from 'fast-check'
import type { ColumnType, Row, Table } from '../../../core/types.ts'
import { envelopeSchemaText } from '../../../schemas/avro.ts'
import { describeShape, findConflicts } from '../../../schemas/compatibility.ts'
import { column, event, table } from '../../support/events.ts'
import { anyType } from './arbitraries.ts'
import { avroEncoder, encode } from './encoding.ts'
import { FakeRegistry } from './fake-registry.ts'

const schemaOf = (of: Table): string => envelopeSchemaText(of, 'shop.public.orders', 'postgresql')
const shape = (...columns: [name: string, type: ColumnType][]): Table =>
  table('orders', { columns: columns.map(([name, type]) => column(name, type)) })

const INT: ColumnType = { kind: 'int' }
const TEXT: ColumnType = { kind: 'string' }

function arrayOf(items: ColumnType): ColumnType {
  return { kind: 'array', items }
}

/** Written with one shape, read with another, by avsc alone. */
async function readAs(written: Table, row: Row, reader: Table): Promise<unknown> {
  const registry = new FakeRegistry()
  const [record] = await encode(avroEncoder(registry), event(written, row))
  const value = Buffer.from(record?.value as Uint8Array)
  const from = avsc.Type.forSchema(registry.schemaOf(value) as avsc.Schema, { wrapUnions: 'never' })
  const to = avsc.Type.forSchema(JSON.parse(schemaOf(reader)), { wrapUnions: 'never' })
  assert.doesNotThrow(() => to.createResolver(from))
  return rowOf(from, to, value)
}

function rowOf(from: avsc.Type, to: avsc.Type, value: Buffer): unknown {
  const rowType = (type: avsc.Type) =>
    ((type as avsc.types.RecordType).field('after').type as avsc.types.UnwrappedUnionType)
      .types[1] as avsc.Type
  const resolver = rowType(to).createResolver(rowType(from))
  // Behind the header come the empty `before` and the branch of `after`.
  const { value: row } = rowType(to).decode(value, 7, resolver)
  return { ...row }
}

const evolutions: [name: string, older: Table, newer: Table, forward: unknown, backward: unknown][] = [
  ['added', shape(['id', INT]), shape(['id', INT], ['note', TEXT]), { id: 1, note: null }, { id: 1 }],
  ['dropped', shape(['id', INT], ['note', TEXT]), shape(['id', INT]), { id: 1 }, { id: 1, note: null }],
  [
    'renamed',
    shape(['id', INT], ['note', TEXT]),
    shape(['id', INT], ['remark', TEXT]),
    { id: 1, remark: null },
    { id: 1, note: null },
  ],
  [
    'moved',
    shape(['id', INT], ['note', TEXT]),
    shape(['note', TEXT], ['id', INT]),
    { id: 1, note: 'x' },
    { id: 1, note: 'x' },
  ],
]

for (const [name, older, newer, forward, backward] of evolutions) {
  test(`rows from before and after a column is ${name} are readable with both shapes`, async () => {
    const rowFor = (of: Table): Row => of.columns.map(({ type }) => (type.kind === 'int' ? 1 : 'x'))
    assert.deepEqual(findConflicts(schemaOf(older), schemaOf(newer)), [])
    assert.deepEqual(findConflicts(schemaOf(newer), schemaOf(older)), [])
    assert.deepEqual(await readAs(older, rowFor(older), newer), forward)
    assert.deepEqual(await readAs(newer, rowFor(newer), older), backward)
  })
}

test("no change of a column's type is let pass that avsc would refuse", () => {
  const check = fc.property(anyType, anyType, (was, is) => {
    const [older, newer] = [schemaOf(shape(['x', was])), schemaOf(shape(['x', is]))]
    if (findConflicts(older, newer).length > 0) return
    const [from, to] = [older, newer].map(text =>
      avsc.Type.forSchema(JSON.parse(text), { wrapUnions: 'never' }),
    )
    assert.doesNotThrow(() => to?.createResolver(from as avsc.Type))
  })
  fc.assert(check, { numRuns: 300 })
})

const conflicts: [was: ColumnType, is: ColumnType, isConflict: boolean][] = [
  [INT, { kind: 'long' }, false],
  [{ kind: 'long' }, INT, true],
  [INT, TEXT, true],
  [{ kind: 'uuid' }, TEXT, false],
  [TEXT, { kind: 'json' }, false],
  [{ kind: 'decimal', precision: 10, scale: 2 }, { kind: 'decimal', precision: 12, scale: 2 }, false],
  [{ kind: 'decimal', precision: 10, scale: 2 }, { kind: 'decimal', precision: 10, scale: 4 }, true],
  [{ kind: 'decimal', precision: 10, scale: 2 }, { kind: 'bytes' }, true],
  [{ kind: 'long' }, { kind: 'timestamp' }, true],
  [{ kind: 'localTimestamp' }, { kind: 'timestamp' }, true],
  [{ kind: 'date' }, { kind: 'timestamp' }, true],
  [arrayOf(INT), arrayOf({ kind: 'long' }), false],
  [arrayOf({ kind: 'long' }), arrayOf(INT), true],
  [arrayOf(INT), TEXT, true],
  [
    arrayOf({ kind: 'decimal', precision: 9, scale: 2 }),
    arrayOf({ kind: 'decimal', precision: 9, scale: 3 }),
    true,
  ],
  [arrayOf(arrayOf(INT)), arrayOf(arrayOf({ kind: 'double' })), false],
  [arrayOf(INT), arrayOf(arrayOf(INT)), true],
  // The items of an array can be null, those of a vector cannot.
  [{ kind: 'vector' }, arrayOf({ kind: 'float' }), false],
  [arrayOf({ kind: 'float' }), { kind: 'vector' }, true],
  [{ kind: 'map' }, { kind: 'map' }, false],
  [{ kind: 'map' }, arrayOf(TEXT), true],
  [{ kind: 'bits', length: 3 }, { kind: 'bits', length: 5 }, true],
  [{ kind: 'bits', length: 3 }, { kind: 'bytes' }, true],
  [{ kind: 'geometry', srid: 4326 }, { kind: 'geometry', srid: null }, false],
]

for (const [was, is, isConflict] of conflicts) {
  test(`${JSON.stringify(was)} to ${JSON.stringify(is)} is ${isConflict ? 'refused' : 'let pass'}`, () => {
    const found = findConflicts(schemaOf(shape(['x', was])), schemaOf(shape(['x', is])))
    assert.equal(found.length, isConflict ? 1 : 0)
  })
}

test('a shape is told as people write it', () => {
  const orders = shape(
    ['id', INT],
    ['total', { kind: 'decimal', precision: 10, scale: 2 }],
    ['at', { kind: 'date' }],
  )
  assert.equal(describeShape(schemaOf(orders)), 'id int, total decimal(10,2), at date')
})

test('kinds that are made of others are told as such', () => {
  const things = shape(
    ['tags', arrayOf(TEXT)],
    ['prices', arrayOf({ kind: 'decimal', precision: 9, scale: 2 })],
    ['flags', { kind: 'bits', length: 12 }],
    ['more', { kind: 'map' }],
  )
  assert.equal(
    describeShape(schemaOf(things)),
    'tags array of string, prices array of decimal(9,2), flags bits(12), more map of string',
  )
})

test('what is no Avro has no fields to compare', () => {
  assert.deepEqual(findConflicts('syntax = "proto3";', schemaOf(shape(['id', INT]))), [])
})
