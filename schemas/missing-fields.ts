/**
 * Collects the fields of one row that the server did not send, and gives their list as header text. Rows in a
 * run mostly lack the same fields, so the text of the last list is kept.
 */
export class MissingFields {
  readonly #names: readonly string[]
  #indexes: number[] = []
  #knownIndexes: readonly number[] = []
  #knownText = ''

  constructor(fieldNames: readonly string[]) {
    this.#names = fieldNames
  }

  add(index: number): void {
    this.#indexes.push(index)
  }

  /** The list so far, null when nothing is missing; begins a new one. */
  take(): string | null {
    if (this.#indexes.length === 0) return null
    const indexes = this.#indexes
    this.#indexes = []
    const isKnown =
      indexes.length === this.#knownIndexes.length &&
      indexes.every((index, place) => index === this.#knownIndexes[place])
    if (!isKnown) {
      this.#knownIndexes = indexes
      this.#knownText = indexes.map(index => this.#names[index]).join(',')
    }
    return this.#knownText
  }
}
