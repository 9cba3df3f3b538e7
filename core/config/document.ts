import { type Document, isMap, isPair, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import type { z } from 'zod'
import { type Environment, interpolate } from './interpolate.ts'

/** One mistake in a file. `line` counts from 1; `setting` is its path, `source.url`, or empty for the file. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly setting: string
  readonly message: string
}

type Path = readonly PropertyKey[]

/** A YAML file with its values put in, and the lines that its settings stand on. */
export interface ConfigDocument {
  readonly file: string
  readonly value: unknown
  lineOf(path: Path): number
}

const UNKNOWN_ALIAS = 'is no alias of anything above; a text that begins with * must stand in quotes'

/** In place of the parser's own words, which quote what stands there. */
const FLAWS: Readonly<Partial<Record<string, string>>> = {
  TAG_RESOLVE_FAILED: 'has a tag that means nothing here; a text that begins with ! must stand in quotes',
  BAD_ALIAS: UNKNOWN_ALIAS,
}

/** Reads the text of one YAML file. What is wrong with it is added to `problems`. */
export function readDocument(
  file: string,
  text: string,
  { environment, problems }: { environment: Environment; problems: Problem[] },
): ConfigDocument {
  const lines = new LineCounter()
  // Its warnings would quote what stands in the file.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' })
  const lineAt = (offset: number | undefined) => lines.linePos(offset ?? 0).line
  const reportAt = (offset: number | undefined, message: string) =>
    problems.push({ file, line: lineAt(offset), setting: '', message })
  // A warning is a tag that nobody knows: `!public.t` without quotes is one, and would leave an empty text.
  const flaws = [...document.errors, ...document.warnings]
  for (const { pos, code, message } of flaws) reportAt(pos[0], FLAWS[code] ?? message)
  let isWhole = flaws.length === 0
  visit(document, {
    // Its name is not told: it may be the beginning of a password.
    Alias(_key, node) {
      if (node.resolve(document)) return
      reportAt(node.range?.[0], UNKNOWN_ALIAS)
      isWhole = false
    },
    Scalar(key, node) {
      if (typeof node.value !== 'string' || key === 'key') return
      node.value = interpolate(node.value, environment, message => reportAt(node.range?.[0], message))
    },
  })
  const value = isWhole ? plainValue(document, message => reportAt(0, message)) : undefined
  return { file, value, lineOf: path => lineAt(offsetOf(document, path)) }
}

/** The parser puts in what aliases stand for only now, and refuses those that multiply. */
function plainValue(document: Document, report: (message: string) => void): unknown {
  try {
    return document.toJS() ?? {}
  } catch (error) {
    if (!(error instanceof ReferenceError) && !(error instanceof RangeError)) throw error
    report('has aliases of aliases, too many to be put in')
    return undefined
  }
}

/** Where a setting stands; for one that is missing, the block that should hold it. */
function offsetOf(document: Document, path: Path): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const parent = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const last = path[length - 1]
    if (isMap(parent)) {
      const pair = parent.items.find(item => isPair(item) && isScalar(item.key) && item.key.value === last)
      if (pair) return (pair.key as Node).range?.[0]
    }
    const node = document.getIn(path.slice(0, length), true) as Node | undefined
    if (node?.range) return node.range[0]
  }
  return document.contents?.range?.[0]
}

/** Checks a document's value; every issue becomes a problem with its line. */
export function validate<Schema extends z.ZodType>(
  document: ConfigDocument,
  schema: Schema,
  problems: Problem[],
): z.output<Schema> | undefined {
  if (document.value === undefined) return undefined
  const result = schema.safeParse(document.value)
  if (result.success) return result.data
  for (const issue of result.error.issues) problems.push(...issueProblems(document, issue))
  return undefined
}

function issueProblems(document: ConfigDocument, issue: z.core.$ZodIssue): Problem[] {
  const at = (path: Path, message: string): Problem => ({
    file: document.file,
    line: document.lineOf(path),
    setting: path.join('.'),
    message,
  })
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map(key => at([...issue.path, key], 'is not a setting that is known here'))
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    return [at(issue.path, unionMessage(issue.errors, issue.message))]
  }
  return [at(issue.path, isMissing(document.value, issue) ? 'is missing' : issue.message)]
}

/** What is not there needs no word about its type. */
function isMissing(value: unknown, { code, path }: z.core.$ZodIssue): boolean {
  const found = path.reduce<unknown>(
    (at, name) => (at as Record<PropertyKey, unknown> | undefined)?.[name],
    value,
  )
  return found === undefined && (code === 'invalid_type' || code === 'invalid_union')
}

const unionMessage = (errors: readonly (readonly z.core.$ZodIssue[])[], fallback: string): string => {
  const ways = errors.map(issues => issues.map(issue => [...issue.path, issue.message].join(': ')).join(', '))
  return ways.every(way => way === '') ? fallback : `fits none of its forms: ${ways.join(' | ')}`
}

/** `shop.yaml:4: source.url: ...`, a line for each problem, in the order of files and lines. */
export function problemLines(problems: readonly Problem[]): string[] {
  const ordered = problems.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
  const lines = ordered.map(({ file, line, setting, message }) =>
    [`${file}:${line}`, setting, message].filter(part => part !== '').join(': '),
  )
  return [...new Set(lines)]
}
