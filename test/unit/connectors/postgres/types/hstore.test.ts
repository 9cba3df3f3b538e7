import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { decode, extension } from './codecs.ts'

const HSTORE = extension('hstore.hstore')
const anyText = fc.string({ unit: fc.constantFrom('a', '"', '\\', '=>', ', ', 'é', '🎉', 'NULL', '\n') })
const anyEntries = fc.array(fc.tuple(anyText, fc.option(anyText)), { maxLength: 10 })

const quoted = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`
const print = (map: ReadonlyMap<string, string | null>) =>
  [...map].map(([key, value]) => `${quoted(key)}=>${value === null ? 'NULL' : quoted(value)}`).join(', ')

it('Maps are what was printed, in its order', () => {
  fc.assert(
    fc.property(anyEntries, entries => {
      const map = new Map(entries)
      const told = decode(HSTORE, print(map)) as ReadonlyMap<string, string | null>
      assert.deepEqual([...told], [...map])
    }),
  )
})

it('The text NULL is no null', () => {
  assert.deepEqual(
    decode(HSTORE, '"a"=>NULL, "b"=>"NULL"'),
    new Map([
      ['a', null],
      ['b', 'NULL'],
    ]),
  )
})

it('What is no map is refused', () => {
  const malformed = [
    'a',
    '"a"',
    '"a"=>',
    '"a"=>1',
    '"a"=>"1',
    '"a"=>"1",',
    '"a"=>"1", ',
    '"a"=>"1""b"=>"2"',
    '"a"=>NULLx',
    '"a"=>"1",  "b"=>"2"',
    '"a"="1"',
    '"a"=>null',
    '"a\\"=>"1"',
  ]
  for (const text of malformed) assert.equal(decode(HSTORE, text), undefined, text)
})
