import { SHIPPED, type SourceFile } from './source.ts'

export const MAX_FILE_LINES = 400
export const MAX_FUNCTION_LINES = 60

/** What is too long, one line each. */
export function sizeViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const functions = file.functions
      .map(span => ({ line: span.line, lines: isShipped(file.path) ? span.lines : span.ownLines }))
      .filter(({ lines }) => lines > MAX_FUNCTION_LINES)
      .map(({ line, lines }) => `${file.path}:${line}: a function of ${lines} lines`)
    const whole = file.lines > MAX_FILE_LINES ? [`${file.path}: ${file.lines} lines`] : []
    return [...whole, ...functions]
  })
}

/** In tests, `describe` and the functions that make a suite hold other functions: theirs do not count there. */
function isShipped(path: string): boolean {
  return SHIPPED.some(folder => path.startsWith(`${folder}/`))
}
