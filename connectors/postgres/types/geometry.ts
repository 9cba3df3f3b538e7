import { parseBytes, parseFloatingPoint } from '../literals.ts'
import type { DecodeText } from './codec.ts'

// The server's own shapes ("Geometric Types", datatype-geometric) that have a form in well-known binary (OGC 06-103r4,
// section 8): a byte of 1 (little-endian), uint32 kind, then for kind
//   1, point         two doubles
//   2, line string   uint32 points, the points
//   3, polygon       uint32 rings, each as a line string that ends where it began
// `line` (endless), `circle` and `path` (open or closed, which a line string does not tell) have none.

const [POINT, LINE_STRING, POLYGON] = [1, 2, 3]
const [OPEN, CLOSE, COMMA] = [0x28, 0x29, 0x2c]
const [OPEN_BRACKET, CLOSE_BRACKET] = [0x5b, 0x5d]

/** `(x,y)` */
export const decodePoint: DecodeText = (bytes, start, end) => {
  const points = readPoints(bytes, start, end)
  if (points?.length !== 2) return undefined
  const value = wkb(POINT, 16)
  writePoints(value, 5, points)
  return value
}

/** `[(x,y),(x,y)]` */
export const decodeSegment: DecodeText = (bytes, start, end) => {
  if (bytes[start] !== OPEN_BRACKET || bytes[end - 1] !== CLOSE_BRACKET) return undefined
  const points = readPoints(bytes, start + 1, end - 1)
  if (points?.length !== 4) return undefined
  const value = wkb(LINE_STRING, 4 + 32)
  value.writeUInt32LE(2, 5)
  writePoints(value, 9, points)
  return value
}

/** `(x,y),(x,y)`: upper right and lower left. A ring from the lower left corner, clockwise. */
export const decodeBox: DecodeText = (bytes, start, end) => {
  const points = readPoints(bytes, start, end)
  if (points?.length !== 4) return undefined
  const [right, top, left, bottom] = points as [number, number, number, number]
  return polygon([left, bottom, left, top, right, top, right, bottom])
}

/** `((x,y),...)` */
export const decodePolygon: DecodeText = (bytes, start, end) => {
  if (bytes[start] !== OPEN || bytes[end - 1] !== CLOSE) return undefined
  const points = readPoints(bytes, start + 1, end - 1)
  return points && polygon(points)
}

/** geometry and geography of PostGIS: extended well-known binary, two digits a byte. */
export const decodeEwkb: DecodeText = (bytes, start, end) =>
  end > start ? parseBytes(bytes, start, end) : undefined

/** Coordinates of points with commas between them; undefined when it is not that. */
function readPoints(bytes: Buffer, start: number, end: number): number[] | undefined {
  const coordinates: number[] = []
  for (let at = start; ; at++) {
    if (bytes[at] !== OPEN) return undefined
    const comma = indexOf(bytes, COMMA, at, end)
    const close = indexOf(bytes, CLOSE, comma, end)
    if (close === end) return undefined
    const x = parseFloatingPoint(bytes, at + 1, comma)
    const y = parseFloatingPoint(bytes, comma + 1, close)
    if (x === undefined || y === undefined) return undefined
    coordinates.push(x, y)
    at = close + 1
    if (at === end) return coordinates
    if (bytes[at] !== COMMA) return undefined
  }
}

function indexOf(bytes: Buffer, wanted: number, from: number, end: number): number {
  let offset = from
  while (offset < end && bytes[offset] !== wanted) offset++
  return offset
}

/** One ring, closed by its first point. */
function polygon(points: readonly number[]): Buffer {
  const value = wkb(POLYGON, 8 + points.length * 8 + 16)
  value.writeUInt32LE(1, 5)
  value.writeUInt32LE(points.length / 2 + 1, 9)
  writePoints(value, 13, [...points, points[0] as number, points[1] as number])
  return value
}

function wkb(kind: number, bytes: number): Buffer {
  const value = Buffer.allocUnsafe(5 + bytes)
  value[0] = 1
  value.writeUInt32LE(kind, 1)
  return value
}

function writePoints(value: Buffer, start: number, coordinates: readonly number[]): void {
  let at = start
  for (const coordinate of coordinates) at = value.writeDoubleLE(coordinate, at)
}
