import { hash } from 'node:crypto'
import { TributaryError } from './errors.ts'
import { type Row, type Table, UNAVAILABLE, Unfit, type Value } from './types.ts'

/**
 * Which rows came to a key that another row may still hold, within one transaction.
 *
 * With a deferrable key, `update t set id = id + 1` moves row 1 to key 2 before row 2 leaves it. Published as
 * they come, "row 2 left key 2" would be the last word on key 2, and consumers would delete a row that exists.
 * So a row that leaves a key where a different row has arrived in the same transaction leaves in silence.
 *
 * Arrivals are kept until somebody leaves their key; a transaction may hold `limit` of them.
 */
export class KeyMoves {
  readonly #limit: number
  /** Table -> key -> fingerprints of the rows that came, mostly one, in their order. */
  readonly #arrivals = new Map<Table, Map<string, string[]>>()
  #size = 0

  constructor(limit = 500_000) {
    this.#limit = limit
  }

  /** Forgets one table, or all. */
  clear(table?: Table): void {
    if (this.#size === 0) return
    if (table) {
      for (const rows of this.#arrivals.get(table)?.values() ?? []) this.#size -= rows.length
      this.#arrivals.delete(table)
    } else {
      this.#arrivals.clear()
      this.#size = 0
    }
  }

  /**
   * A row has come to a key, by insert or by key change.
   * @throws TributaryError KEY_CHANGES_TOO_MANY
   */
  arrive(table: Table, row: Row): void {
    const byKey = this.#arrivals.get(table) ?? new Map<string, string[]>()
    this.#arrivals.set(table, byKey)
    const key = keyText(table, row)
    const rows = byKey.get(key)
    if (rows) rows.push(fingerprint(row))
    else byKey.set(key, [fingerprint(row)])
    this.#size++
    if (this.#size > this.#limit) throw tooMany(table, this.#limit)
  }

  /** A row has changed without leaving its key: what arrived there looks different now. */
  change(table: Table, before: Row, after: Row): void {
    const rows = this.#arrivals.get(table)?.get(keyText(table, after))
    const place = rows?.indexOf(fingerprint(before)) ?? -1
    if (rows && place >= 0) rows[place] = fingerprint(after)
  }

  /**
   * A row leaves its key: is the key still held, by another row that came in this transaction? A row that looks
   * the same as the one that came is taken for that one (a swap by way of a spare key moves one row twice).
   */
  leave(table: Table, before: Row): boolean {
    const byKey = this.#arrivals.get(table)
    const key = keyText(table, before)
    const rows = byKey?.get(key)
    if (!byKey || !rows) return false
    const place = rows.indexOf(fingerprint(before))
    if (rows.length === 1) {
      byKey.delete(key)
      this.#size--
      return place < 0
    }
    // The row that was told last leaves one behind that would have to be told again, were it to stay.
    const isLast = place === rows.length - 1
    if (place >= 0) {
      rows.splice(place, 1)
      this.#size--
    }
    return !isLast
  }
}

/** Whether an update moved its row to another key. False when the server sent no old key: it sends one if it changed. */
export function keyChanged(table: Table, before: Row | null, after: Row): boolean {
  if (before === null) return false
  for (const index of table.key) {
    const old = before[index] as Value
    if (old !== UNAVAILABLE && !sameValue(old, after[index] as Value)) return true
  }
  return false
}

function sameValue(a: Value, b: Value): boolean {
  if (a === b) return true
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  if (Array.isArray(a) && Array.isArray(b)) return sameValues(a, b)
  if (a instanceof Unfit && b instanceof Unfit) return a.text === b.text
  return Number.isNaN(a) && Number.isNaN(b)
}

function sameValues(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((value, index) => sameValue(value, b[index] as Value))
}

const keyText = (table: Table, row: Row): string =>
  table.key.map(index => valueText(row[index] as Value)).join('')

/** Stands for a whole row, so that an arrival costs the same whatever its row's size. */
const fingerprint = (row: Row): string => hash('sha1', row.map(valueText).join(''), 'base64')

/** Text that is equal for equal values and only for them: it carries its kind and length. */
function valueText(value: Value): string {
  const part = partText(value)
  return `${typeof value}${part.length}:${part}`
}

function partText(value: Value): string {
  if (typeof value !== 'object' || value === null) return String(value)
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1')
  if (value instanceof Unfit) return `text${value.text}`
  const parts: readonly Value[] =
    value instanceof Map ? ['map', ...[...value].flat()] : (value as readonly Value[])
  return parts.map(valueText).join('')
}

function tooMany(table: Table, limit: number): TributaryError {
  return new TributaryError(
    'KEY_CHANGES_TOO_MANY',
    `A transaction brings more than ${limit} rows of ${table.schema}.${table.name} to new keys, and the key is deferrable.`,
  )
}
