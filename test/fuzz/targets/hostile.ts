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

/** Texts of one thing over and over: alone, and between braces as lists stand. */
export const HOSTILE_TEXTS: readonly Buffer[] = PATTERNS.flatMap(pattern => {
  const many = Buffer.alloc(HOSTILE_BYTES, pattern)
  return [many, Buffer.concat([Buffer.from('{'), many, Buffer.from('}')])]
})
