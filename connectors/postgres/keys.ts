import { TributaryError } from '../../core/errors.ts'
import type { Table } from '../../core/types.ts'
import type { CatalogTable } from './catalog.ts'
import { tableName } from './names.ts'
import type { Relation, RelationColumn } from './pgoutput.ts'

export type Key = Pick<Table, 'key' | 'deferrableKey'>

export interface KeySources {
  /** The table as the log describes it, as it was. */
  readonly relation: Relation
  /** As it is now. */
  readonly catalog: CatalogTable
  /** The columns that the settings name. */
  readonly configured: readonly string[] | undefined
  /** The columns that were found for rows of this table before. */
  readonly known: readonly string[] | undefined
}

/**
 * The key: what the settings say, else the primary key, else the columns of the index that is the replica identity, in the
 * table's order.
 *
 * - DEFAULT: the log marks the primary key's columns as it was then; the catalog only gives their order. No mark: no
 *   primary key then, or a deferrable one, by which the server identifies no old rows (and so refuses updates).
 * - FULL marks all columns, NOTHING none: the primary key comes from the catalog.
 * - USING INDEX marks the index's columns. A primary key that is not among them would be missing in deletes; one that is
 *   deferrable could not be followed, since old rows come without what tells them apart: the index's columns are at all
 *   times unique.
 *
 * @throws TributaryError CONFIG_INVALID; KEY_UNKNOWN when neither log nor catalog has the key, so that rows would go
 * without theirs, and to other partitions than before
 */
export function findKey(sources: KeySources): Key {
  const { relation, catalog, configured, known } = sources
  if (configured) return { key: configuredKey(relation, configured), deferrableKey: false }
  const { identity, columns } = relation
  if (identity === 'index' || identity === 'default') return markedKey(sources)
  if (!catalog.isGone && !catalog.primaryKey) return { key: [], deferrableKey: false }
  const names = catalog.primaryKey?.columns ?? known
  const indexes = names && indexesOf(columns, names)
  if (!indexes) throw keyUnknown(relation, catalog)
  const isDeferrable = catalog.primaryKey?.isDeferrable ?? false
  const hasWholeOldRows = identity === 'full' && !catalog.hasPartialOldRows
  return { key: indexes, deferrableKey: isDeferrable && hasWholeOldRows && indexes.length > 0 }
}

/** Of marks the log is sure; their order comes from the catalog, if it still has such a key. */
function markedKey({ relation, catalog, known }: KeySources): Key {
  const { columns, identity } = relation
  const marked = columns.flatMap(({ isIdentity }, index) => (isIdentity ? [index] : []))
  const { columns: names, isDeferrable } = catalog.primaryKey ?? { columns: null, isDeferrable: false }
  const primaryKey = (names && indexesOf(columns, names)) ?? []
  const isMarked = primaryKey.length > 0 && primaryKey.every(index => marked.includes(index))
  const isAll = isMarked && primaryKey.length === marked.length
  if (identity === 'default' && marked.length === 0 && isDeferrable) {
    return { key: primaryKey, deferrableKey: false }
  }
  if (identity === 'default' || isDeferrable ? isAll : isMarked)
    return { key: primaryKey, deferrableKey: false }
  const before = (known && indexesOf(columns, known)) ?? []
  const isBefore = before.length === marked.length && before.every(index => marked.includes(index))
  return { key: isBefore ? before : marked, deferrableKey: false }
}

/** The places of these columns; null if one is missing. */
function indexesOf(columns: readonly RelationColumn[], names: readonly string[]): number[] | null {
  const indexes = names.map(name => columns.findIndex(column => column.name === name))
  return indexes.includes(-1) ? null : indexes
}

/** @throws TributaryError CONFIG_INVALID */
function configuredKey(relation: Relation, names: readonly string[]): number[] {
  const { columns, identity } = relation
  const setting = `The key that the settings give for ${tableName(relation)}`
  const key = indexesOf(columns, names)
  if (!key) {
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

function keyUnknown(relation: Relation, { isGone }: CatalogTable): TributaryError {
  const why = isGone ? 'the table is gone' : 'the table has another key now'
  return new TributaryError(
    'KEY_UNKNOWN',
    `The log has rows of ${tableName(relation)} (${relation.columns.map(({ name }) => name).join(', ')}), written under REPLICA IDENTITY ${relation.identity.toUpperCase()}, which does not tell their key; and ${why}.`,
  )
}
