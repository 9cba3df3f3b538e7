import type { ColumnType, Value } from '../../../core/types.ts'

/**
 * Reads a value from its text, which lies in `bytes` from `start` up to `end`; undefined when it does not have the
 * form of its type. What is returned does not refer to `bytes`.
 */
export type DecodeText = (bytes: Buffer, start: number, end: number) => Value | undefined

export interface ColumnCodec {
  readonly type: ColumnType
  readonly decodeText: DecodeText
}

/** A type as the log and the catalog tell it, domains taken off. */
export interface BaseType {
  readonly typeOid: number
  /** What stands in the brackets of `numeric(10,2)`, packed; -1: nothing. An array has that of its elements. */
  readonly typeModifier: number
  /** Of an array: what it is made of. */
  readonly array?: ArrayParts
  /** Of a type that an extension brings: `EXTENSION.TYPE`. */
  readonly extension?: string
}

export interface ArrayParts {
  readonly element: BaseType
  /** What stands between two elements: a comma, for a few types something else. One ASCII character. */
  readonly delimiter: string
  /** As declared, which the server does not enforce: `int[][]` has 2. */
  readonly dimensions: number
}
