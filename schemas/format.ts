import type { Packed } from '../core/packed-record.ts'
import type { ChangeEvent, Table } from '../core/types.ts'
import type { Missing } from './missing-fields.ts'

/** A way to write events as bytes: Avro or JSON. */
export interface Format {
  /** Called once a batch, before its events; the clock is read once for all of them. */
  begin(nowMs: number): void
  /** Called once a batch, after its events. */
  end(): void
  /** See `Encoder`. */
  release(batches: number): void
  /** Called once a table, before its first event. */
  open(table: Table, topic: string, signal: AbortSignal): Promise<TableEncoder>
  /** The same for messages of applications; `table` is what they are events of. */
  openMessages(table: Table, topic: string, signal: AbortSignal): Promise<TableEncoder>
  /**
   * The key of a truncate, which every reader decodes to null. A compacted topic refuses records without a key.
   * Called once, before the first truncate.
   */
  openTruncateKey(signal: AbortSignal): Promise<Buffer>
}

/** Writes the events of one table. Throws TributaryError VALUE_INVALID. */
export interface TableEncoder {
  /** Key and value of this event; no key for a truncate or when the table has none. Good until the next call. */
  encode(event: ChangeEvent): Packed
  /** The fields of `before` that the value just encoded does not tell; null: it tells all. */
  readonly missingBefore: Missing | null
  readonly missingAfter: Missing | null
}
