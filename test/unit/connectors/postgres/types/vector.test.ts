import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { codec, decode, extension } from './codecs.ts'

it('Vectors are their numbers', () => {
  const anyVector = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
    minLength: 1,
    maxLength: 50,
  })
  fc.assert(
    fc.property(anyVector, numbers => {
      const told = decode(extension('vector.vector'), JSON.stringify(numbers)) as readonly number[]
      assert.deepEqual([...told], JSON.parse(JSON.stringify(numbers)))
    }),
  )
  assert.deepEqual(decode(extension('vector.halfvec'), '[1,-2.5,3e-05]'), [1, -2.5, 3e-5])
})

it('Other types of the extension are text', () => {
  assert.deepEqual(codec(extension('vector.sparsevec')).type, { kind: 'string' })
})

it('What is no vector is refused', () => {
  for (const text of ['', '[', '[]', '[1', '1]', '[1,]', '[,1]', '[1 2]', '[x]', '[1][2]', '{1}']) {
    assert.equal(decode(extension('vector.vector'), text), undefined, text)
  }
})
