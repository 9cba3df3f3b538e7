import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { columnCodec } from '../../../../connectors/postgres/values.ts'
import type { Value } from '../../../../core/types.ts'

const [INT8, FLOAT8, DATE, TIMESTAMP, TIME, NUMERIC, BYTEA] = [20, 701, 1082, 1114, 1083, 1700, 17]

/** The value of a text that lies between others. */
function decode(typeOid: number, text: string, typeModifier = -1): Value | undefined {
  const bytes = Buffer.from(`9${text}9`)
  const { decodeText } = columnCodec(typeOid, typeModifier, { decimals: 'precise' })
  return decodeText(bytes, 1, bytes.length - 1)
}

it('Integers of 64 bits are exact, as numbers while they are safe', () => {
  const int64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.maxSafeInteger().map(BigInt),
  )
  fc.assert(
    fc.property(int64, value => {
      const expected = Number.isSafeInteger(Number(value)) ? Number(value) : value
      assert.equal(decode(INT8, String(value)), expected)
    }),
  )
})

it('Doubles are the number that their text stands for', () => {
  fc.assert(
    fc.property(fc.double(), value => {
      const text = Object.is(value, -0) ? '-0' : String(value).replace(/e\+/, 'e+')
      assert.ok(Object.is(decode(FLOAT8, text), value), text)
    }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 0, max: 999_999 }), (whole, fraction) => {
      const text = `${whole}.${fraction}`
      assert.equal(decode(FLOAT8, text), Number(text))
    }),
  )
})

it('Dates and times are those of the calendar', () => {
  const date = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(date, fc.integer({ min: 0, max: 999 }), (moment, micros) => {
      const iso = moment.toISOString()
      const us = BigInt(moment.getTime()) * 1000n + BigInt(micros)
      const text = `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, '0')}`
      const value = decode(TIMESTAMP, text) as number | bigint
      assert.equal(BigInt(value), us)
      assert.equal(typeof value, Number.isSafeInteger(Number(us)) ? 'number' : 'bigint')
      assert.equal(decode(DATE, iso.slice(0, 10)), Math.floor(moment.getTime() / 86_400_000))
      assert.equal(decode(TIMESTAMP, text.slice(0, 19)), decode(TIMESTAMP, `${text.slice(0, 19)}.000000`))
    }),
  )
})

it('Decimals have exactly the digits of their scale behind the point', () => {
  const scaled = (precision: number, scale: number) => 4 + ((precision << 16) | (scale & 0x7ff))
  assert.equal(decode(NUMERIC, '1', scaled(5, 2)), '1.00')
  assert.equal(decode(NUMERIC, '-1.5', scaled(5, 2)), '-1.50')
  assert.equal(decode(NUMERIC, '12', scaled(5, 0)), '12')
  assert.equal(decode(NUMERIC, '1200', scaled(2, -2)), '1200')
  assert.equal(decode(NUMERIC, '1.123', scaled(5, 2)), undefined)
})

it('Text that does not have the form of its type is refused', () => {
  const malformed: [number, string][] = [
    ...['', '-', '1a', '1.0', ' 1', '12345678901234567890123'].map((text): [number, string] => [INT8, text]),
    ...['', '-', '.', '1.2.3', '1e', 'nan', '0x10'].map((text): [number, string] => [FLOAT8, text]),
    ...['', '2024-13-01', '2024-00-10', '2024-01-32', '24-01-01', '2024-01-01 00:00:00'].map(
      (text): [number, string] => [DATE, text],
    ),
    ...['', '2024-01-01', '2024-01-01T00:00:00', '2024-01-01 0:00:00', 'inf'].map(
      (text): [number, string] => [TIMESTAMP, text],
    ),
    ...['', '24:00:01', '1:00:00', '12:00', '12:00:00.', '12:00:00.1234567'].map((text): [number, string] => [
      TIME,
      text,
    ]),
    ...['', '00', '\\x0', '\\x0g', 'x00'].map((text): [number, string] => [BYTEA, text]),
    ...['', '.', '-', '1.2.3', '1e5'].map((text): [number, string] => [NUMERIC, text]),
  ]
  for (const [oid, text] of malformed) {
    assert.equal(
      decode(oid, text, oid === NUMERIC ? 4 + ((5 << 16) | 2) : -1),
      undefined,
      `type ${oid}: "${text}"`,
    )
  }
})

it('Numerics are text where the settings say so', () => {
  assert.deepEqual(columnCodec(1700, 4 + ((5 << 16) | 2), { decimals: 'string' }).type, { kind: 'string' })
})
