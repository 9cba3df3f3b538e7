import { TributaryError } from '../../core/errors.ts'
import type { Column, Table } from '../../core/types.ts'
import type { CatalogTable } from './catalog.ts'
import { findKey, type Key } from './keys.ts'
import { tableName } from './names.ts'
import type { Relation } from './pgoutput.ts'
import type { RowShape } from './rows.ts'
import type { TableFilter } from './table-filter.ts'
import { keyCodec, typeCodec, type ValueOptions } from './values.ts'

export interface TableRules extends ValueOptions {
  readonly database: string
  readonly filter: TableFilter
  /** The `keys` setting: columns by `schema.table`. */
  readonly keys: Readonly<Record<string, readonly string[]>>
  /** What the server says now about a table that the log describes. */
  readonly lookUp: (relation: Relation) => Promise<CatalogTable>
}

/**
 * The tables of one stream, by the id under which the log speaks of them.
 *
 * The log tells names and types of columns as they were when the rows were written, so that log read again after
 * an ALTER is read rightly. What it does not tell is looked up in the catalog, which knows only the present: the
 * order of the key's columns, whether its constraint is deferrable, what a domain is made of.
 *
 * The server describes a table again whenever it has touched its definition, often with nothing changed; a shape
 * that was seen before is the same object again, since its identity is the schema's version.
 */
export class Tables {
  readonly #rules: TableRules
  /** Null: not captured. */
  readonly #byId = new Map<number, RowShape | null>()
  readonly #byShape = new Map<string, RowShape>()
  /** The keys found last, by table: what is known of one that has been dropped meanwhile. */
  readonly #keys = new Map<number, readonly string[]>()

  constructor(rules: TableRules) {
    this.#rules = rules
  }

  /**
   * Null for a table that is not captured.
   * @throws TributaryError PROTOCOL_MALFORMED for one that the log has not described
   */
  shape(id: number): RowShape | null {
    const shape = this.#byId.get(id)
    if (shape === undefined) {
      throw new TributaryError(
        'PROTOCOL_MALFORMED',
        `The log has a change of table ${id}, which it has not described.`,
      )
    }
    return shape
  }

  /**
   * Takes note of a table's description. A promise only if there is something to look up.
   * @throws TributaryError CONFIG_INVALID when the `keys` setting does not fit the table, KEY_UNKNOWN
   */
  describe(relation: Relation): Promise<void> | null {
    if (this.#rules.filter.captures(relation)) return this.#describeCaptured(relation)
    this.#byId.set(relation.id, null)
    return null
  }

  async #describeCaptured(relation: Relation): Promise<void> {
    const catalog = await this.#rules.lookUp(relation)
    const described = catalog.hasPartialOldRows
      ? markOnly(relation, catalog.primaryKey?.columns ?? [])
      : relation
    const key = findKey({
      relation: described,
      catalog,
      configured: this.#rules.keys[tableName(relation)],
      known: this.#keys.get(relation.id),
    })
    const shape = rowShape({ relation: described, catalog, key }, this.#rules)
    this.#keys.set(
      relation.id,
      key.key.map(index => relation.columns[index]!.name),
    )
    const signature = JSON.stringify([shape.table, described.columns])
    const known = this.#byShape.get(signature)
    if (!known) this.#byShape.set(signature, shape)
    this.#byId.set(relation.id, known ?? shape)
  }
}

interface Described {
  readonly relation: Relation
  readonly catalog: CatalogTable
  readonly key: Key
}

function rowShape({ relation, catalog, key }: Described, rules: TableRules): RowShape {
  const codecs = relation.columns.map((column, index) => {
    const codec = typeCodec(catalog.baseTypes[index] ?? column, rules)
    return key.key.includes(index) ? keyCodec(codec) : codec
  })
  const columns = relation.columns.map(
    (column, index): Column => ({
      name: column.name,
      type: codecs[index]!.type,
      nativeType: catalog.typeNames[index] ?? `type ${column.typeOid}`,
    }),
  )
  const { schema, name } = relation
  const table: Table = { database: rules.database, schema, name, columns, ...key }
  const readers = relation.columns.map(({ isIdentity }, index) => ({
    decodeText: codecs[index]!.decodeText,
    isIdentity,
  }))
  return { table, columns: readers }
}

/** A description by which only these columns identify the old row. */
function markOnly(relation: Relation, names: readonly string[]): Relation {
  const columns = relation.columns.map(column => ({ ...column, isIdentity: names.includes(column.name) }))
  return { ...relation, columns }
}
