import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decimalDigits, formatDecimal, writeDecimal } from '../../../schemas/decimal.ts'
import { decimalText } from './arbitraries.ts'
import { decimalBytes } from './avro-reference.ts'

function encoded(text: string, precision: number, scale: number): string | null {
  const bytes = Buffer.alloc(1100)
  const end = writeDecimal(bytes, 0, text, { precision, scale })
  if (end < 0) return null
  const lengthBytes = (bytes[0] as number) > 127 ? 2 : 1
  return bytes.subarray(lengthBytes, end).toString('hex')
}

test("edges take the fewest bytes of two's complement", () => {
  const edges: Record<string, string> = {
    '0': '00',
    '127': '7f',
    '128': '0080',
    '-1': 'ff',
    '-128': '80',
    '-129': 'ff7f',
    '32767': '7fff',
    '32768': '008000',
    '-32768': '8000',
    '8388607': '7fffff',
    '-8388609': 'ff7fffff',
    '2147483647': '7fffffff',
    '2147483648': '0080000000',
    '-2147483648': '80000000',
    '-2147483649': 'ff7fffffff',
    '4294967295': '00ffffffff',
    '549755813887': '7fffffffff',
    '549755813888': '008000000000',
    '999999999999999': '038d7ea4c67fff',
    '-999999999999999': 'fc72815b398001',
    '9007199254740993': '20000000000001',
  }
  for (const [text, hex] of Object.entries(edges)) assert.equal(encoded(text, 38, 0), hex, text)
})

test('every decimal has the smallest bytes, and comes back as the same text', () => {
  const anyDecimal = fc
    .integer({ min: 1, max: 1000 })
    .chain(precision => fc.tuple(fc.constant(precision), fc.integer({ min: 0, max: precision })))
    .chain(([precision, scale]) =>
      fc.record({
        precision: fc.constant(precision),
        scale: fc.constant(scale),
        text: decimalText(precision, scale),
      }),
    )
  fc.assert(
    fc.property(anyDecimal, ({ precision, scale, text }) => {
      const hex = encoded(text, precision, scale)
      assert.equal(hex, decimalBytes(text).toString('hex'))
      assert.equal(formatDecimal(Buffer.from(hex as string, 'hex'), scale), text)
    }),
    { numRuns: 1000 },
  )
})

test('a text without this form is refused', () => {
  const wrong: [text: string, precision: number, scale: number][] = [
    ['100', 2, 0],
    ['-100', 2, 0],
    ['1.0', 10, 2],
    ['1.000', 10, 2],
    ['1', 10, 2],
    ['.50', 10, 2],
    ['-.50', 10, 2],
    ['', 10, 0],
    ['-', 10, 0],
    ['1e5', 10, 0],
    ['+1', 10, 0],
    ['NaN', 10, 0],
    ['1 ', 10, 0],
    ['1,5', 10, 1],
    ['12345678901234567890.5', 20, 1],
    ['x2345678901234567890', 38, 0],
    ['1234567890123456789.1', 38, 2],
  ]
  for (const [text, precision, scale] of wrong) {
    assert.equal(encoded(text, precision, scale), null, text)
    assert.equal(decimalDigits(text, { precision, scale }), null, text)
  }
})

test('zeros in front do not count as digits', () => {
  assert.equal(encoded('0.05', 2, 2), '05')
  assert.equal(encoded(`${'0'.repeat(30)}7`, 1, 0), '07')
})
