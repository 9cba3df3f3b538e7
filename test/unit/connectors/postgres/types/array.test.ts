import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import type { Value } from '../../../../../core/types.ts'
import { array, codec, decode, extension, type, unfit } from './codecs.ts'

const [INT, TEXT, NUMERIC_9_2, BYTEA, BOX, JSONB] = [23, 25, 1700, 17, 603, 3802]

type Texts = readonly (string | null | Texts)[]

/** As the server prints an array of texts ("Array Input and Output Syntax", arrays-io). */
function print(elements: Texts): string {
  const parts = elements.map(element => {
    if (element === null) return 'NULL'
    const text = typeof element === 'string' ? element : print(element)
    const isPlain = text !== '' && !/[{},"\\\s]/.test(text) && text.toUpperCase() !== 'NULL'
    return isPlain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
  })
  return `{${parts.join(',')}}`
}

const anyText = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', '"', '\\', '{', '}', ',', ' ', 'é', '🎉', '\n', 'NULL') }),
  fc.string({ unit: 'grapheme' }),
)
const anyTexts = fc.array(fc.option(anyText), { maxLength: 20 })

it('Arrays of texts are what was printed, however it had to be quoted', () => {
  fc.assert(fc.property(anyTexts, texts => assert.deepEqual(decode(array(type(TEXT)), print(texts)), texts)))
})

it('Arrays of arrays are what was printed', () => {
  const nested = array(array(type(TEXT)))
  fc.assert(
    fc.property(fc.array(fc.option(anyTexts), { maxLength: 5 }), texts =>
      assert.deepEqual(decode(nested, print(texts)), texts),
    ),
  )
})

it('Elements are those of their type', () => {
  assert.deepEqual(decode(array(type(INT)), '{1,NULL,-3}'), [1, null, -3])
  assert.deepEqual(decode(array(type(NUMERIC_9_2, 4 + ((9 << 16) | 2))), '{1.50}'), ['1.50'])
  assert.deepEqual(decode(array(type(BYTEA)), '{"\\\\x00ff"}'), [Buffer.from([0, 255])])
  assert.deepEqual(decode(array(type(JSONB)), '{"{\\"a\\": [1, \\"\\\\\\\\\\"]}"}'), ['{"a": [1, "\\\\"]}'])
  const boxes = decode(array(type(BOX), ';'), '{(1,1),(0,0);(2,2),(0,0)}') as readonly Value[]
  assert.equal(boxes.length, 2)
  const maps = decode(array(extension('hstore.hstore')), '{"\\"a\\"=>\\"1\\"",""}')
  assert.deepEqual(maps, [new Map([['a', '1']]), new Map()])
})

it('An array of other dimensions, or with an element that does not fit, is its text', () => {
  for (const text of ['{{1,2},{3,4}}', '[2:3]={5,6}', '[0:0][1:1]={{1}}']) {
    assert.deepEqual(decode(array(type(INT)), text), unfit(text))
  }
  assert.deepEqual(decode(array(type(NUMERIC_9_2, 4 + ((9 << 16) | 2))), '{1.50,NaN}'), unfit('{1.50,NaN}'))
  assert.deepEqual(decode(array(array(type(INT))), '{"{1}","{{1}}"}'), unfit('{"{1}","{{1}}"}'))
})

it('An array that is declared with more dimensions is text', () => {
  const grid = array(type(INT), ',', 2)
  assert.deepEqual(codec(grid).type, { kind: 'string' })
  assert.equal(decode(grid, '{{1},{2}}'), '{{1},{2}}')
})

it('What is no array is refused', () => {
  const malformed = [
    '',
    '{',
    '}',
    '1',
    '{1',
    '{1,}',
    '{,1}',
    '{1,,2}',
    '{"1}',
    '{"1"2}',
    '{1}2',
    '{"1\\"}',
    '{1;2}',
    '{x}',
    '{""}',
    '{1}}',
    '[1',
    '{1"2"}',
    '{1{2}}',
  ]
  for (const text of malformed) assert.equal(decode(array(type(INT)), text), undefined, text)
})

it('Damaged text gives a value or none, and never throws', () => {
  const types = [
    array(type(TEXT)),
    array(type(INT)),
    array(array(type(TEXT))),
    array(extension('hstore.hstore')),
  ]
  const damage = fc.tuple(anyTexts, fc.nat(), fc.nat(), fc.constantFrom(...'{}",\\[]=>NULL \0'))
  fc.assert(
    fc.property(damage, ([texts, from, length, insert]) => {
      const bytes = Buffer.from(print(texts))
      const at = from % (bytes.length + 1)
      const damaged = Buffer.concat([
        bytes.subarray(0, at),
        Buffer.from(insert),
        bytes.subarray(at + (length % 3)),
      ])
      for (const of of types) decode(of, damaged)
    }),
    { numRuns: 500 },
  )
})

it('Large arrays are read in one pass', () => {
  const texts = Array.from({ length: 100_000 }, (_, index) => `"${index}\\`)
  assert.deepEqual(decode(array(type(TEXT)), print(texts)), texts)
  // Quotes that are never closed, one after the other, would show a parser that looks for the end again and again.
  assert.equal(decode(array(type(TEXT)), `{${'"\\"'.repeat(300_000)}`), undefined)
  assert.equal(decode(array(type(TEXT)), `{"${'\\'.repeat(1_000_001)}}`), undefined)
})
