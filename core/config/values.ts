import { z } from 'zod'

// Values that environment variables give as text.

/** A whole number within bounds, also as text. */
export const wholeNumber = (minimum: number, maximum: number) =>
  z.preprocess(
    value => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z.int().min(minimum).max(maximum),
  )

/** True or false, also as text. */
export const flag = z.preprocess(
  value => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean(),
)
