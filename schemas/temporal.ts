// ISO 8601 texts of dates and times, for JSON records and for consumers. Years outside 0000 to 9999 take the
// expanded form: a sign and six digits (`+012345`, `-000043` for 44 BC, as there was no year zero). Fractions
// have six digits.

const DAY_US = 86_400_000_000
const MAX_INT = 2 ** 31 - 1
const MIN_INT = -(2 ** 31)
const MAX_LONG = 2n ** 63n - 1n
const MIN_LONG = -(2n ** 63n)

/** Days since 1970-01-01; the largest and smallest int are the infinities. */
export function formatDate(days: number): string {
  if (days === MAX_INT) return 'infinity'
  if (days === MIN_INT) return '-infinity'
  return formatDay(days)
}

/** Microseconds since midnight: `10:00:00.123456`; the end of a day is `24:00:00.000000`. */
export function formatTime(us: number | bigint): string {
  return formatTimeOfDay(Number(us))
}

/** Microseconds since 1970-01-01 UTC, with `Z`; the largest and smallest long are the infinities. */
export function formatTimestamp(us: number | bigint): string {
  const text = formatLocalTimestamp(us)
  return text.endsWith('infinity') ? text : `${text}Z`
}

/** Microseconds since 1970-01-01 00:00 on some clock, without a zone. */
export function formatLocalTimestamp(us: number | bigint): string {
  if (us === MAX_LONG) return 'infinity'
  if (us === MIN_LONG) return '-infinity'
  const [days, rest] = typeof us === 'number' ? splitNumber(us) : splitBigint(us)
  return `${formatDay(days)}T${formatTimeOfDay(rest)}`
}

function splitNumber(us: number): [days: number, us: number] {
  const days = Math.floor(us / DAY_US)
  return [days, us - days * DAY_US]
}

function splitBigint(us: bigint): [days: number, us: number] {
  const day = BigInt(DAY_US)
  const rest = ((us % day) + day) % day
  return [Number((us - rest) / day), Number(rest)]
}

/**
 * Proleptic Gregorian calendar. Counts years from March 1st, so that the leap day is the last of its year, in
 * eras of 400 years, which all have 146,097 days. (`Date` ends at the year 275,760; Postgres goes further.)
 */
function formatDay(days: number): string {
  const sinceMarch0000 = days + 719_468
  const era = Math.floor(sinceMarch0000 / 146_097)
  const dayOfEra = sinceMarch0000 - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthFromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const day = dayOfYear - Math.floor((153 * monthFromMarch + 2) / 5) + 1
  const month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
  return `${formatYear(year)}-${padded(month, 2)}-${padded(day, 2)}`
}

function formatYear(year: number): string {
  if (year >= 0 && year <= 9999) return padded(year, 4)
  return `${year < 0 ? '-' : '+'}${padded(Math.abs(year), 6)}`
}

function formatTimeOfDay(us: number): string {
  const seconds = Math.floor(us / 1_000_000)
  const hours = padded(Math.floor(seconds / 3600), 2)
  const minutes = padded(Math.floor(seconds / 60) % 60, 2)
  return `${hours}:${minutes}:${padded(seconds % 60, 2)}.${padded(us - seconds * 1_000_000, 6)}`
}

function padded(value: number, digits: number): string {
  return value.toString().padStart(digits, '0')
}
