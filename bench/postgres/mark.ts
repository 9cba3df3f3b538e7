/** A row carries the microsecond in which its writer sent it, as text that every record encoding keeps. */
export const MARK = '@ts='
export const MARK_DIGITS = 16

export const nowUs = (): number => Math.round((performance.timeOrigin + performance.now()) * 1_000)
