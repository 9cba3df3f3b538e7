import assert from 'node:assert/strict'
import { test } from 'node:test'
import avsc from 'avsc'
import { compileReader } from '../../../schemas/avro-reader.ts'

const schema = {
  type: 'record',
  name: 'lists',
  fields: [
    { name: 'texts', type: ['null', { type: 'array', items: ['null', 'string'] }] },
    { name: 'nested', type: { type: 'array', items: { type: 'array', items: 'long' } } },
    { name: 'map', type: { type: 'map', values: 'string' } },
  ],
} as const
const read = compileReader(JSON.stringify(schema))
const type = avsc.Type.forSchema(schema as unknown as avsc.Schema, { wrapUnions: false })

const value = { texts: ['a', null, ''], nested: [[1, -2], [], [3]], map: { x: 'y', constructor: 'z' } }

test('arrays and maps are read as they were written', () => {
  assert.deepEqual(read(type.toBuffer(value), 0), value)
  assert.deepEqual(read(type.toBuffer({ texts: null, nested: [], map: {} }), 0), {
    texts: null,
    nested: [],
    map: {},
  })
})

test('blocks that tell their size are read too', () => {
  // null; -1: one item in 2 bytes, an array of none; end; an empty map
  assert.deepEqual(read(Buffer.from('0001040000' + '00', 'hex'), 0), { texts: null, nested: [[]], map: {} })
})

test('a count that its bytes cannot hold is refused at once', () => {
  for (const count of ['feffffff0f', 'ffffffff0f', 'feffffffffffffff7f', '02', '80808002']) {
    assert.throws(() => read(Buffer.from(`00${count}`, 'hex'), 0), /longer than its bytes|end within/)
  }
})

test('a text of negative length does not lead back into its own block for ever', () => {
  // texts: the branch with an array, one item, a string of length -3
  assert.throws(() => read(Buffer.from('02020205', 'hex'), 0), /end within a list/)
})
