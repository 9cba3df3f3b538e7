import { TributaryError } from '../../core/errors.ts'
import type { Column, Table } from '../../core/types.ts'
import type { CatalogTable } from './catalog.ts'
import { tableName } from './names.ts'
import type { Relation, RelationColumn } from './pgoutput.ts'
import type { RowShape } from './rows.ts'
import type { TableFilter } from './table-filter.ts'
import { columnCodec, type ValueOptions } from './values.ts'

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
   * @throws TributaryError CONFIG_INVALID when the `keys` setting does not fit the table
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
    const shape = rowShape(described, catalog, this.#rules)
    const signature = JSON.stringify([shape.table, described.columns])
    const known = this.#byShape.get(signature)
    if (!known) this.#byShape.set(signature, shape)
    this.#byId.set(relation.id, known ?? shape)
  }
}

/** @throws TributaryError CONFIG_INVALID */
export function rowShape(
  relation: Relation,
  catalog: CatalogTable,
  rules: Omit<TableRules, 'lookUp' | 'filter'>,
): RowShape {
  const key = keyOf(relation, catalog, rules.keys[tableName(relation)])
  const codecs = relation.columns.map((column, index) => {
    const base = catalog.baseTypes[index] ?? column
    return columnCodec(base.typeOid, base.typeModifier, rules)
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

/**
 * The key: what the settings say, else the primary key, else the columns of the index that is the replica identity.
 *
 * - DEFAULT: the log marks the primary key's columns as it was then; the catalog only gives their order. No mark: no
 *   primary key then, or a deferrable one, by which the server identifies no old rows (and so refuses updates).
 * - FULL marks all columns, NOTHING none: the primary key comes from the catalog.
 * - USING INDEX marks the index's columns. A primary key that is not among them would be missing in deletes; one that is
 *   deferrable could not be followed, since old rows come without what tells them apart: the index's columns are at all
 *   times unique.
 */
function keyOf(
  relation: Relation,
  catalog: CatalogTable,
  configured: readonly string[] | undefined,
): Pick<Table, 'key' | 'deferrableKey'> {
  const { columns, identity } = relation
  if (configured) return { key: configuredKey(relation, configured), deferrableKey: false }
  const marked = columns.flatMap(({ isIdentity }, index) => (isIdentity ? [index] : []))
  const primaryKey = indexesOf(columns, catalog.primaryKey?.columns ?? [])
  const deferrableKey = catalog.primaryKey?.isDeferrable ?? false
  const isMarked = primaryKey.length > 0 && primaryKey.every(index => marked.includes(index))
  const isCurrent = isMarked && primaryKey.length === marked.length
  const usesMarks = (identity === 'default' && (marked.length > 0 || !deferrableKey)) || identity === 'index'
  const usesPrimaryKey = identity === 'default' || deferrableKey ? isCurrent : isMarked
  if (usesMarks && !usesPrimaryKey) return { key: marked, deferrableKey: false }
  const hasWholeOldRows = identity === 'full' && !catalog.hasPartialOldRows
  return { key: primaryKey, deferrableKey: deferrableKey && hasWholeOldRows && primaryKey.length > 0 }
}

/** A description by which only these columns identify the old row. */
function markOnly(relation: Relation, names: readonly string[]): Relation {
  const columns = relation.columns.map(column => ({ ...column, isIdentity: names.includes(column.name) }))
  return { ...relation, columns }
}

/** The places of these columns; none if one is missing. */
function indexesOf(columns: readonly RelationColumn[], names: readonly string[]): number[] {
  const indexes = names.map(name => columns.findIndex(column => column.name === name))
  return indexes.includes(-1) ? [] : indexes
}

function configuredKey(relation: Relation, names: readonly string[]): number[] {
  const { columns, identity } = relation
  const setting = `The key that the settings give for ${tableName(relation)}`
  const key = indexesOf(columns, names)
  if (key.length === 0) {
    throw new TributaryError('CONFIG_INVALID', `${setting} names a column that it does not have.`)
  }
  if (identity !== 'nothing' && key.some(index => !columns[index]?.isIdentity)) {
    throw new TributaryError(
      'CONFIG_INVALID',
      `${setting} needs REPLICA IDENTITY FULL: deletes would come without it.`,
    )
  }
  return key
}
