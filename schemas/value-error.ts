import { TributaryError } from '../core/errors.ts'
import type { Column, Table } from '../core/types.ts'
import { tableLabel } from './names.ts'

/** The error for a value that does not have the form of its column's type. Never shows the value. */
export function valueInvalid(table: Table, index: number, claim = ''): TributaryError {
  const { name, nativeType, type } = table.columns[index] as Column
  const form = type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind
  return new TributaryError(
    'VALUE_INVALID',
    `Table ${tableLabel(table)}: the column "${name}" (${nativeType}) ${claim ? `${claim} ` : ''}` +
      `holds a value that is no ${form}.`,
  )
}
