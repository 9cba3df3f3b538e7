/** The fields of one row that its record does not tell. */
export interface Missing {
  /** Their names, comma-separated. */
  readonly fields: string
  /** JSON object: the server's text of those it did send, by field, whose values have no form in their type. */
  readonly texts: string | null
}

/**
 * Collects the fields of one row that its record does not tell, as header texts. Rows in a run mostly lack the same
 * fields, so the last list is kept.
 */
export class MissingFields {
  readonly #names: readonly string[]
  #indexes: number[] = []
  #knownIndexes: readonly number[] = []
  #known: Missing = { fields: '', texts: null }
  #texts: [name: string, text: string][] = []

  constructor(fieldNames: readonly string[]) {
    this.#names = fieldNames
  }

  /** One that the server did not send. */
  add(index: number): void {
    this.#indexes.push(index)
  }

  /** One that the server did send, but in a form that its type cannot hold: `text` is all of it. */
  addText(index: number, text: string): void {
    this.#indexes.push(index)
    this.#texts.push([this.#names[index] as string, text])
  }

  /** What there is so far, null when nothing is missing; begins a new row. */
  take(): Missing | null {
    if (this.#indexes.length === 0) return null
    const indexes = this.#indexes
    this.#indexes = []
    const isKnown =
      indexes.length === this.#knownIndexes.length &&
      indexes.every((index, place) => index === this.#knownIndexes[place])
    if (!isKnown) {
      this.#knownIndexes = indexes
      this.#known = { fields: indexes.map(index => this.#names[index]).join(','), texts: null }
    }
    if (this.#texts.length === 0) return this.#known
    const texts = JSON.stringify(Object.fromEntries(this.#texts))
    this.#texts = []
    return { ...this.#known, texts }
  }
}
