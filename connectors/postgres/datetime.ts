// Dates and times from the server's text, as DateStyle ISO and TimeZone UTC print them ("Date/Time Output",
// datatype-datetime). Two ways: digits at fixed places for the years 1 to 9999, and a pattern for all the rest
// (other years are longer, years before Christ end in ` BC`). Malformed text gives undefined, or NaN inside.

const DAY_US = 86_400_000_000
/** Days on either side of 1970 whose microseconds are safe integers. */
const SAFE_DAYS = 104_000

const LARGEST_INT64 = 9_223_372_036_854_775_807n
const SMALLEST_INT64 = -9_223_372_036_854_775_808n
const LARGEST_INT32 = 2_147_483_647
const SMALLEST_INT32 = -2_147_483_648

const DASH = 0x2d
const COLON = 0x3a
const DOT = 0x2e
const SPACE = 0x20
const PLUS = 0x2b
const ZERO = 0x30
const LETTER_I = 0x69

const ANY_DATE =
  /^(\d{4,7})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?)?( BC)?$/

/** Days since 1970-01-01; the infinities become the largest and smallest 32-bit integer. */
export function parseDate(bytes: Buffer, start: number, end: number): number | undefined {
  if (end - start === 10) {
    const days = daysAt(bytes, start)
    if (!Number.isNaN(days)) return days
  }
  const text = bytes.toString('latin1', start, end)
  if (text === 'infinity') return LARGEST_INT32
  if (text === '-infinity') return SMALLEST_INT32
  const match = ANY_DATE.exec(text)
  return match && match[4] === undefined ? daysOf(match) : undefined
}

/** Microseconds since midnight; 24:00:00 is a time of its own. */
export function parseTime(bytes: Buffer, start: number, end: number): number | undefined {
  const us = microsecondsAt(bytes, start, end)
  return us <= DAY_US ? us : undefined
}

/**
 * Microseconds since 1970-01-01 00:00, with or without an offset behind: a number while it is a safe integer. The
 * infinities become the largest and smallest 64-bit integer; null stands for a time that no 64 bits hold (Postgres
 * counts from 2000 and so reaches 30 years further).
 */
export function parseTimestamp(
  bytes: Buffer,
  start: number,
  end: number,
): number | bigint | null | undefined {
  const first = bytes[start]
  if (first === LETTER_I || first === DASH) return parseInfinity(bytes.toString('latin1', start, end))
  if (bytes[start + 10] === SPACE) {
    const days = daysAt(bytes, start)
    const us = days * DAY_US + microsecondsAt(bytes, start + 11, endOfUtc(bytes, start, end))
    if (days < SAFE_DAYS && days > -SAFE_DAYS && !Number.isNaN(us)) return us
  }
  const match = ANY_DATE.exec(bytes.toString('latin1', start, end))
  return match && match[4] !== undefined ? timestampOf(match) : undefined
}

/** Where the offset `+00` begins, if that is what the text ends with. */
function endOfUtc(bytes: Buffer, start: number, end: number): number {
  const isUtc =
    end - start >= 22 && bytes[end - 3] === PLUS && bytes[end - 2] === ZERO && bytes[end - 1] === ZERO
  return isUtc ? end - 3 : end
}

function parseInfinity(text: string): bigint | undefined {
  if (text === 'infinity') return LARGEST_INT64
  return text === '-infinity' ? SMALLEST_INT64 : undefined
}

/** `YYYY-MM-DD`; NaN if it is not that. */
function daysAt(bytes: Buffer, start: number): number {
  if (bytes[start + 4] !== DASH || bytes[start + 7] !== DASH) return Number.NaN
  const year = twoDigits(bytes, start) * 100 + twoDigits(bytes, start + 2)
  return daysFromCivil(year, twoDigits(bytes, start + 5), twoDigits(bytes, start + 8))
}

/** `HH:MM:SS` and up to six digits behind a point, up to `end`; NaN if it is not that. */
function microsecondsAt(bytes: Buffer, start: number, end: number): number {
  const length = end - start
  if (length < 8 || length === 9 || length > 15) return Number.NaN
  if (bytes[start + 2] !== COLON || bytes[start + 5] !== COLON) return Number.NaN
  const minutes = twoDigits(bytes, start) * 60 + twoDigits(bytes, start + 3)
  const seconds = minutes * 60 + twoDigits(bytes, start + 6)
  if (length === 8) return seconds * 1_000_000
  if (bytes[start + 8] !== DOT) return Number.NaN
  let fraction = 0
  for (let offset = start + 9; offset < start + 15; offset++) {
    fraction = fraction * 10 + (offset < end ? digit(bytes[offset] as number) : 0)
  }
  return seconds * 1_000_000 + fraction
}

const digit = (byte: number): number => (byte >= ZERO && byte <= ZERO + 9 ? byte - ZERO : Number.NaN)

const twoDigits = (bytes: Buffer, offset: number): number =>
  digit(bytes[offset] as number) * 10 + digit(bytes[offset + 1] as number)

/**
 * Days since 1970-01-01 of a date of the Gregorian calendar, reckoned back for ever as Postgres does; year 0 is
 * 1 BC. The year is taken to begin in March, so that the leap day is its last. NaN for a date that cannot be.
 */
function daysFromCivil(year: number, month: number, day: number): number {
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= 31)) return Number.NaN
  const marchYear = month > 2 ? year : year - 1
  const era = Math.floor(marchYear / 400)
  const yearOfEra = marchYear - era * 400
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1
  const leapDays = Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + yearOfEra * 365 + leapDays + dayOfYear - 719_468
}

function daysOf([, year, month, day, , , , , , , , , bc]: RegExpExecArray): number | undefined {
  const astronomicalYear = bc === undefined ? Number(year) : 1 - Number(year)
  const days = daysFromCivil(astronomicalYear, Number(month), Number(day))
  return Number.isNaN(days) ? undefined : days
}

function timestampOf(match: RegExpExecArray): number | bigint | null | undefined {
  const days = daysOf(match)
  if (days === undefined) return undefined
  const [hour, minute, second] = [match[4], match[5], match[6]].map(Number) as [number, number, number]
  const [offsetHour, offsetMinute, offsetSecond] = [match[9], match[10], match[11]].map(part =>
    Number(part ?? 0),
  ) as [number, number, number]
  const offset = (match[8] === '-' ? -1 : 1) * (offsetHour * 3600 + offsetMinute * 60 + offsetSecond)
  const seconds = hour * 3600 + minute * 60 + second - offset
  const fraction = Number((match[7] ?? '').padEnd(6, '0'))
  const us = BigInt(days) * BigInt(DAY_US) + BigInt(seconds) * 1_000_000n + BigInt(fraction)
  if (us > LARGEST_INT64 || us < SMALLEST_INT64) return null
  return Number.isSafeInteger(Number(us)) ? Number(us) : us
}
