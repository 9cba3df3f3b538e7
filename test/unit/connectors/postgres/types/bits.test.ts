import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { codec, decode, type } from './codecs.ts'

const [BIT, VARBIT] = [1560, 1562]

it('Bits are the same number, big-endian in the fewest bytes', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { minLength: 2, maxLength: 200 }), bits => {
      const text = bits.map(bit => (bit ? '1' : '0')).join('')
      const value = decode(type(BIT, bits.length), text) as Uint8Array
      assert.equal(value.length, Math.ceil(bits.length / 8))
      assert.equal(BigInt(`0x${Buffer.from(value).toString('hex')}`), BigInt(`0b${text}`))
    }),
  )
})

it('One bit is a boolean', () => {
  assert.deepEqual(codec(type(BIT, 1)).type, { kind: 'boolean' })
  assert.equal(decode(type(BIT, 1), '1'), true)
  assert.equal(decode(type(BIT, 1), '0'), false)
})

it('Bits of no fixed number are their text, which tells 101 from 0101', () => {
  for (const bits of [type(VARBIT), type(VARBIT, 5), type(BIT)]) {
    assert.deepEqual(codec(bits).type, { kind: 'string' })
    assert.equal(decode(bits, '0101'), '0101')
  }
})

it('Other digits, and other numbers of bits, are refused', () => {
  for (const text of ['', '1', '1111', '12', '1x1', '1 1'])
    assert.equal(decode(type(BIT, 3), text), undefined, text)
  for (const text of ['', '2', '01', 't']) assert.equal(decode(type(BIT, 1), text), undefined, text)
})
