import type { z } from 'zod'
import { settingRows } from '../../core/config/describe.ts'
import { ERROR_CODES } from '../../core/errors.ts'

/** A Markdown table; bars inside a cell are escaped. */
export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n')
}

/** The settings of a schema, but those that begin with one of `leaveOut`. */
export function settingsTable(schema: z.ZodType, leaveOut: readonly string[] = []): string {
  const rows = settingRows(schema).filter(
    ({ setting }) => !leaveOut.some(prefix => setting.startsWith(prefix)),
  )
  return markdownTable(
    ['Setting', 'Allowed', 'Default', 'Meaning'],
    rows.map(({ setting, allowed, standard, required, description }) => [
      `\`${setting}\``,
      allowed,
      required ? '**needed**' : standard === null ? '' : `\`${standard}\``,
      description,
    ]),
  )
}

export const errorsTable = (): string =>
  markdownTable(
    ['Code', 'Then', 'What happened', 'What to do'],
    Object.entries(ERROR_CODES).map(([code, { reaction, meaning, hint }]) => [
      `\`${code}\``,
      reaction === 'retry' ? 'tries again' : 'stops',
      meaning,
      hint,
    ]),
  )

/** From the comment at the head of the file that defines the words. */
export function glossaryTable(source: string): string {
  const rows = [...source.matchAll(/^\/\/ {3}(\w+) {2,}(.+)$/gm)].map(([, word = '', meaning = '']) => [
    word,
    meaning,
  ])
  return markdownTable(['Word', 'Meaning'], rows)
}
