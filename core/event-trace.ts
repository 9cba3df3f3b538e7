import type { Op, Table } from './types.ts'

const START = 0x811c9dc5
const PRIME = 0x01000193

/**
 * A number for the events of a transaction so far, which is another one for other events: it depends on their
 * operations, their tables and what these are keyed by, one after the other, and on no value of a row.
 *
 * With it, a count of events to be left out is checked. Which events there are depends on keys (an update of one is two
 * events), and a database may know keys of the present only, so that a log read again is read otherwise.
 */
export class EventTrace {
  #state = START
  /** Rows of one table mostly come together. */
  #table: Table | null = null
  #mark = 0

  clear(): void {
    this.#state = START
  }

  add(table: Table, op: Op): void {
    if (table !== this.#table) {
      this.#table = table
      this.#mark = markOf(table)
    }
    this.#state = mix(mix(this.#state, this.#mark), op.charCodeAt(0))
  }

  /** 8 hex digits. */
  get text(): string {
    return (this.#state >>> 0).toString(16).padStart(8, '0')
  }
}

/** Shapes that differ in other columns only are the same here: what they are changes no count. */
function markOf({ schema, name, columns, key, deferrableKey }: Table): number {
  const text = JSON.stringify([schema, name, key.map(index => columns[index]?.name), deferrableKey])
  let mark = START
  for (let index = 0; index < text.length; index++) mark = mix(mark, text.charCodeAt(index))
  return mark
}

/** One step of FNV-1a, by a whole number in place of a byte. */
const mix = (state: number, value: number): number => Math.imul(state ^ value, PRIME)
