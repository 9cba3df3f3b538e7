/**
 * The coordinate of an event: `EPOCH-COMMIT-ORDINAL`, lower-case hex of 4, 16 and 8 digits. Plain string
 * order is the order of the source's commits, for every kind of database. Keep it next to the row it came
 * with and write only when the new one is greater: then any replay of a topic changes nothing.
 */
export type Coordinate = string

const COORDINATE = /^[0-9a-f]{4}-[0-9a-f]{16}-[0-9a-f]{8}$/

/** Length of a coordinate in characters, and in bytes: it is ASCII. */
export const COORDINATE_LENGTH = 30

/** Digits of the ordinal, at the end. */
export const ORDINAL_DIGITS = 8

/** `commitCoordinate` is `Commit.coordinate`: `EPOCH-COMMIT`. */
export function formatCoordinate(commitCoordinate: string, ordinal: number): Coordinate {
  return `${commitCoordinate}-${ordinal.toString(16).padStart(ORDINAL_DIGITS, '0')}`
}

export function isCoordinate(text: string): boolean {
  return COORDINATE.test(text)
}

/** For `Array.prototype.sort`: negative when `a` was committed before `b`. */
export function compareCoordinates(a: Coordinate, b: Coordinate): number {
  return a < b ? -1 : a > b ? 1 : 0
}
