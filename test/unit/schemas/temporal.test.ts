import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatDate, formatLocalTimestamp, formatTime, formatTimestamp } from '../../../schemas/temporal.ts'

test('days and instants agree with Date wherever Date reaches', () => {
  fc.assert(
    fc.property(fc.integer({ min: -8.64e15, max: 8.64e15 }), fc.integer({ min: 0, max: 999 }), (ms, us) => {
      // The platform prints milliseconds; ours has three digits more.
      const iso = new Date(ms).toISOString()
      assert.equal(
        formatTimestamp(BigInt(ms) * 1000n + BigInt(us)),
        `${iso.slice(0, -1)}${String(us).padStart(3, '0')}Z`,
      )
      const days = Math.floor(ms / 86_400_000)
      assert.equal(formatDate(days), iso.slice(0, iso.indexOf('T')))
      if (Number.isSafeInteger(ms * 1000)) {
        assert.equal(formatLocalTimestamp(ms * 1000), `${iso.slice(0, -1)}000`)
      }
    }),
    { numRuns: 1000 },
  )
})

test('years outside four digits take the expanded form', () => {
  assert.equal(formatDate(2_932_896), '9999-12-31')
  assert.equal(formatDate(2_932_897), '+010000-01-01')
  assert.equal(formatDate(-719_528), '0000-01-01')
  assert.equal(formatDate(-719_529), '-000001-12-31')
  assert.equal(formatDate(-735_233), '-000043-01-01')
  assert.equal(formatTimestamp(9_224_318_015_999_999_999n), '+294276-12-31T23:59:59.999999Z')
})

test('the ends of the Avro types are the infinities', () => {
  assert.equal(formatDate(2 ** 31 - 1), 'infinity')
  assert.equal(formatDate(-(2 ** 31)), '-infinity')
  assert.equal(formatTimestamp(2n ** 63n - 1n), 'infinity')
  assert.equal(formatTimestamp(-(2n ** 63n)), '-infinity')
  assert.equal(formatLocalTimestamp(2n ** 63n - 1n), 'infinity')
})

test('times have six digits behind the point, and a day ends at 24', () => {
  assert.equal(formatTime(0), '00:00:00.000000')
  assert.equal(formatTime(36_000_123_456), '10:00:00.123456')
  assert.equal(formatTime(86_400_000_000), '24:00:00.000000')
})
