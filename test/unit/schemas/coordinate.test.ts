import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareCoordinates, formatCoordinate, isCoordinate } from '../../../schemas/coordinate.ts'

const anyPlace = fc.record({
  epoch: fc.integer({ min: 1, max: 0xffff }),
  commit: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  ordinal: fc.integer({ min: 0, max: 0xffffffff }),
})

type Place = typeof anyPlace extends fc.Arbitrary<infer T> ? T : never

const textOf = ({ epoch, commit, ordinal }: Place): string =>
  formatCoordinate(`${epoch.toString(16).padStart(4, '0')}-${commit.toString(16).padStart(16, '0')}`, ordinal)

test('coordinates sort as text in the order of epoch, commit and ordinal', () => {
  fc.assert(
    fc.property(anyPlace, anyPlace, (a, b) => {
      const expected =
        a.epoch - b.epoch || (a.commit < b.commit ? -1 : a.commit > b.commit ? 1 : 0) || a.ordinal - b.ordinal
      assert.equal(compareCoordinates(textOf(a), textOf(b)), Math.sign(expected))
    }),
  )
})

test('a coordinate is told from other text', () => {
  assert.ok(isCoordinate('0001-00000000016b3748-00000000'))
  for (const text of [
    '',
    '0001-00000000016b3748',
    '0001-00000000016B3748-00000000',
    'x0001-00000000016b3748-00000000',
  ]) {
    assert.ok(!isCoordinate(text), text)
  }
})
