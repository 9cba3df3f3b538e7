import { tableName } from './names.ts'

export interface TableId {
  readonly schema: string
  readonly name: string
}

/**
 * The `tables` setting: globs of `schema.table`, where `*` stands for any characters and `?` for one; those that
 * begin with `!` exclude. The order does not matter: a table is captured if a glob names it and none excludes it.
 */
export class TableFilter {
  readonly #included: readonly RegExp[]
  readonly #excluded: readonly RegExp[]
  /** The globs that name a single table. */
  readonly literal: readonly string[]
  /** Every table, those to come included. */
  readonly isAll: boolean
  readonly included: readonly string[]

  constructor(globs: readonly string[]) {
    const excluded = globs.filter(glob => glob.startsWith('!'))
    const named = globs.filter(glob => !glob.startsWith('!'))
    this.included = named.length > 0 ? named : ['*.*']
    this.#included = this.included.map(namePattern)
    this.#excluded = excluded.map(glob => namePattern(glob.slice(1)))
    this.literal = named.filter(glob => !/[*?]/.test(glob))
    this.isAll = this.included.includes('*.*') && excluded.length === 0
  }

  captures(table: TableId): boolean {
    const name = tableName(table)
    return matchesAny(this.#included, name) && !matchesAny(this.#excluded, name)
  }

  /** The globs that no captured table answers to. */
  unanswered(tables: readonly TableId[]): string[] {
    const captured = tables.filter(table => this.captures(table)).map(tableName)
    return this.included.filter(glob => !captured.some(name => namePattern(glob).test(name)))
  }
}

export const matchesAny = (patterns: readonly RegExp[], name: string): boolean =>
  patterns.some(pattern => pattern.test(name))

/** A glob as a pattern for whole names, which may hold any character, line ends included. */
export function namePattern(glob: string): RegExp {
  const source = glob
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 'su')
}
