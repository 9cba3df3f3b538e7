/** Long enough that the square of it takes hours, short enough that the whole is read in no time. */
const HOSTILE_BYTES = 256 << 10

const PATTERNS = [
  '"',
  '\\',
  '{',
  '[',
  '(',
  '9',
  ',',
  ' ',
  '"",',
  '\\"',
  '{"a":',
  '{{},',
  '[[],',
  '-',
  '0.',
  'e9',
]

/** Texts of one thing over and over: alone, opened only, and closed again. */
export const HOSTILE_TEXTS: readonly Buffer[] = PATTERNS.flatMap(pattern => {
  const many = Buffer.alloc(HOSTILE_BYTES, pattern)
  const wrapped = ['{}', '[]', '""', '()'].map(([open, close]) =>
    Buffer.concat([Buffer.from(open as string), many, Buffer.from(close as string)]),
  )
  return [many, ...wrapped]
})
