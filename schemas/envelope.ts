import type { ColumnType } from '../core/types.ts'

/** What stands for a string, bytes or JSON value that the server did not send. */
export const UNAVAILABLE_MARKER = '__debezium_unavailable_value'

/**
 * The fields the server did not send, comma-separated: of `after`, or of `before` in an event without one. A
 * consumer must leave these columns of its copy as they are.
 */
export const UNAVAILABLE_HEADER = 'unavailable'

/** The same for `before` in an event that has both images. */
export const UNAVAILABLE_BEFORE_HEADER = 'unavailable.before'

/**
 * A JSON object of those fields in UNAVAILABLE_HEADER that the server did send, but whose value has no form in the
 * field's type: the server's text of it, by field.
 */
export const UNAVAILABLE_TEXT_HEADER = 'unavailable.text'

/** The same for UNAVAILABLE_BEFORE_HEADER. */
export const UNAVAILABLE_BEFORE_TEXT_HEADER = 'unavailable.before.text'

const MARKED_KINDS: ReadonlySet<ColumnType['kind']> = new Set(['string', 'json', 'bytes'])

/**
 * Whether an unavailable value of this kind is the marker; else it is null. A uuid is null too: readers that
 * know its logical type would fail on the marker; so would those of bits and geometries.
 */
export function isMarked(kind: ColumnType['kind']): boolean {
  return MARKED_KINDS.has(kind)
}

/** Connectors that have a `source` block here, as they name themselves in `source.connector`. */
export type ConnectorKind = 'postgresql'

/** Where a field of the `source` block comes from. */
type SourceOrigin = 'table.schema' | 'table.name' | 'event.logPosition' | 'commit.source'

export interface SourceField {
  readonly name: string
  readonly type: 'string' | 'int' | 'long'
  readonly nullable: boolean
  readonly origin: SourceOrigin
}

interface SourceBlock {
  /** Full name of the Avro record, as readers of this envelope know it. */
  readonly recordName: string
  /** The fields after the common ones, in order. Exactly one comes from the event's log position. */
  readonly fields: readonly SourceField[]
}

/**
 * What `source` holds beyond the common fields (`COMMON_SOURCE_FIELDS` in avro.ts), by connector. Positions
 * are nullable because rows read by a snapshot need not have them, and a type that becomes nullable later is
 * not compatible for readers.
 */
export const SOURCE_BLOCKS: Readonly<Record<ConnectorKind, SourceBlock>> = {
  postgresql: {
    recordName: 'io.debezium.connector.postgresql.Source',
    fields: [
      { name: 'schema', type: 'string', nullable: false, origin: 'table.schema' },
      { name: 'table', type: 'string', nullable: false, origin: 'table.name' },
      { name: 'txId', type: 'long', nullable: true, origin: 'commit.source' },
      { name: 'lsn', type: 'long', nullable: true, origin: 'event.logPosition' },
      { name: 'xmin', type: 'long', nullable: true, origin: 'commit.source' },
    ],
  },
}

/** Who publishes: constant parts of every `source` block. */
export interface Publisher {
  readonly connector: ConnectorKind
  /** The connector's name in its file. */
  readonly name: string
  /** The version of this program. */
  readonly version: string
}
