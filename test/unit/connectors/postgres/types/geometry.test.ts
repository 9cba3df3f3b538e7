import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { codec, decode, extension, type } from './codecs.ts'

const [POINT, LSEG, BOX, POLYGON] = [600, 601, 603, 604]
const anyPoint = fc.tuple(fc.double(), fc.double())
const coordinate = (value: number) => (Object.is(value, -0) ? '-0' : String(value))
const print = ([x, y]: readonly [number, number]) => `(${coordinate(x)},${coordinate(y)})`

/** The doubles of a shape's points, from where they begin. */
const doubles = (bytes: Uint8Array, start: number): number[] =>
  Array.from({ length: (bytes.length - start) / 8 }, (_, index) =>
    Buffer.from(bytes).readDoubleLE(start + index * 8),
  )

it('A point is its two coordinates', () => {
  fc.assert(
    fc.property(anyPoint, point => {
      const value = decode(type(POINT), print(point)) as Uint8Array
      assert.equal(Buffer.from(value).toString('hex', 0, 5), '0101000000')
      assert.deepEqual(doubles(value, 5), point)
    }),
  )
})

it('A polygon is one ring that ends where it began', () => {
  fc.assert(
    fc.property(fc.array(anyPoint, { minLength: 1, maxLength: 20 }), points => {
      const value = decode(type(POLYGON), `(${points.map(print).join(',')})`) as Buffer
      assert.equal(value.toString('hex', 0, 9), '010300000001000000')
      assert.equal(value.readUInt32LE(9), points.length + 1)
      assert.deepEqual(doubles(value, 13), [...points, points[0] as [number, number]].flat())
    }),
  )
})

it('A segment is a line of two points, a box its four corners', () => {
  const segment = decode(type(LSEG), '[(1,2),(3,4)]') as Buffer
  assert.equal(segment.toString('hex', 0, 9), '010200000002000000')
  assert.deepEqual(doubles(segment, 9), [1, 2, 3, 4])
  const box = decode(type(BOX), '(3,4),(1,2)') as Buffer
  assert.equal(box.toString('hex', 0, 13), '01030000000100000005000000')
  assert.deepEqual(doubles(box, 13), [1, 2, 1, 4, 3, 4, 3, 2, 1, 2])
})

it('What is none of these is refused', () => {
  const malformed: [number, string[]][] = [
    [POINT, ['', '()', '(1)', '(1,)', '(1,2', '1,2', '(1,2),(3,4)', '(1,2)x', '(1,2,3)', '(a,b)']],
    [LSEG, ['', '(1,2),(3,4)', '[(1,2)]', '[(1,2),(3,4)', '[(1,2)(3,4)]', '[(1,2),(3,4),(5,6)]']],
    [BOX, ['', '(1,2)', '(1,2),', '(1,2),(3,4),(5,6)']],
    [POLYGON, ['', '()', '(1,2)', '((1,2)', '((1,2),)', '((1,2),(3))']],
  ]
  for (const [oid, texts] of malformed) {
    for (const text of texts) assert.equal(decode(type(oid), text), undefined, `${oid}: ${text}`)
  }
})

it('PostGIS values are their bytes, with the SRID where the column fixes it', () => {
  const hex = '0101000020E6100000CDCCCCCCCCCC2A400000000000404A40'
  const point4326 = extension('postgis.geometry', (4326 << 8) | (1 << 2))
  assert.deepEqual(codec(point4326).type, { kind: 'geometry', srid: 4326 })
  assert.deepEqual(decode(point4326, hex), Buffer.from(hex, 'hex'))
  for (const modifier of [-1, 1 << 2]) {
    assert.deepEqual(codec(extension('postgis.geography', modifier)).type, { kind: 'geometry', srid: null })
  }
  for (const text of ['', '0', '010', 'xx', '01 1', 'POINT(1 2)'])
    assert.equal(decode(point4326, text), undefined, text)
})
