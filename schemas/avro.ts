import { TributaryError } from '../core/errors.ts'
import type { Column, ColumnType, PlainKind, Table } from '../core/types.ts'
import type { DecimalForm } from './decimal.ts'
import { type ConnectorKind, SOURCE_BLOCKS, type SourceField } from './envelope.ts'
import { fieldNamesOf, namespaceOf, tableLabel } from './names.ts'

export type AvroType = string | readonly AvroType[] | AvroObject

/** A schema in object form. Readers ignore the properties they do not know. */
export interface AvroObject {
  readonly type: AvroType
  readonly name?: string
  readonly namespace?: string
  readonly fields?: readonly AvroField[]
  readonly items?: AvroType
  readonly values?: AvroType
  readonly logicalType?: string
  readonly precision?: number
  readonly scale?: number
  /** Of bytes that are bits: how many there are. */
  readonly length?: number
  /** Of bytes that are a geometry: its reference system, where all values have the same. */
  readonly srid?: number
  readonly 'connect.name'?: string
}

export interface AvroField {
  readonly name: string
  readonly type: AvroType
  readonly default?: null | string
}

/**
 * Schema text of a topic's keys, null when the table has no key. It depends on nothing but the topic and the
 * names and types of the key columns: key bytes hold the schema's id, so another text would send the same row
 * to another partition.
 */
export function keySchemaText(table: Table, topic: string): string | null {
  if (table.key.length === 0) return null
  const names = fieldNamesOf(table)
  return JSON.stringify({
    type: 'record',
    name: 'Key',
    namespace: namespaceOf(topic),
    fields: table.key.map(index => ({
      name: names[index] as string,
      type: avroTypeOf(table.columns[index] as Column, table),
    })),
  } satisfies AvroObject)
}

/** Schema text of a topic's values: Debezium's envelope around the table's row. */
export function envelopeSchemaText(table: Table, topic: string, connector: ConnectorKind): string {
  const namespace = namespaceOf(topic)
  return JSON.stringify({
    type: 'record',
    name: 'Envelope',
    namespace,
    fields: [
      optional('before', rowSchema(table)),
      optional('after', 'Value'),
      { name: 'source', type: sourceSchema(connector) },
      optional('transaction', TRANSACTION),
      { name: 'op', type: 'string' },
      optional('ts_ms', 'long'),
      optional('ts_us', 'long'),
      optional('ts_ns', 'long'),
    ],
  } satisfies AvroObject)
}

/**
 * All fields are nullable, whatever NOT NULL says: then adding and dropping columns is compatible in both
 * directions, and a row of which the server sent only a part can be told.
 */
function rowSchema(table: Table): AvroObject {
  const names = fieldNamesOf(table)
  const fields = table.columns.map((column, index) =>
    optional(names[index] as string, avroTypeOf(column, table)),
  )
  return { type: 'record', name: 'Value', fields }
}

const COMMON_SOURCE_FIELDS: readonly AvroField[] = [
  { name: 'version', type: 'string' },
  { name: 'connector', type: 'string' },
  { name: 'name', type: 'string' },
  { name: 'ts_ms', type: 'long' },
  { name: 'ts_us', type: 'long' },
  { name: 'ts_ns', type: 'long' },
  { name: 'snapshot', type: 'string', default: 'false' },
  { name: 'db', type: 'string' },
  { name: 'sequence', type: 'string' },
]

export const TRANSACTION: AvroObject = {
  type: 'record',
  name: 'block',
  namespace: 'event',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total_order', type: 'long' },
    { name: 'data_collection_order', type: 'long' },
  ],
  'connect.name': 'event.block',
}

export function sourceSchema(connector: ConnectorKind): AvroObject {
  const { recordName, fields } = SOURCE_BLOCKS[connector]
  const dot = recordName.lastIndexOf('.')
  return {
    type: 'record',
    name: recordName.slice(dot + 1),
    namespace: recordName.slice(0, dot),
    fields: [...COMMON_SOURCE_FIELDS, ...fields.map(sourceField)],
    'connect.name': recordName,
  }
}

function sourceField({ name, type, nullable }: SourceField): AvroField {
  return nullable ? optional(name, type) : { name, type }
}

export function optional(name: string, type: AvroType): AvroField {
  return { name, type: ['null', type], default: null }
}

/**
 * Debezium's names travel along where the value under the name is the same. Not on `date`: Kafka Connect's
 * Avro converter makes its own Date of the logical type and then refuses a second name, so every Connect sink
 * would stop. Not on `timestamp`: Debezium's is a string there.
 */
const AVRO_TYPES: Readonly<Record<PlainKind, AvroType>> = {
  boolean: 'boolean',
  int: 'int',
  long: 'long',
  float: 'float',
  double: 'double',
  string: 'string',
  bytes: 'bytes',
  uuid: { type: 'string', logicalType: 'uuid', 'connect.name': 'io.debezium.data.Uuid' },
  json: { type: 'string', 'connect.name': 'io.debezium.data.Json' },
  date: { type: 'int', logicalType: 'date' },
  time: { type: 'long', logicalType: 'time-micros', 'connect.name': 'io.debezium.time.MicroTime' },
  timestamp: { type: 'long', logicalType: 'timestamp-micros' },
  localTimestamp: {
    type: 'long',
    logicalType: 'local-timestamp-micros',
    'connect.name': 'io.debezium.time.MicroTimestamp',
  },
  map: { type: 'map', values: ['null', 'string'] },
  vector: { type: 'array', items: 'float' },
}

function avroTypeOf(column: Column, table: Table, type: ColumnType = column.type): AvroType {
  switch (type.kind) {
    case 'decimal':
      return decimalType(column, table, type)
    case 'bits':
      return { type: 'bytes', length: type.length }
    case 'geometry':
      return type.srid === null ? 'bytes' : { type: 'bytes', srid: type.srid }
    case 'array':
      return { type: 'array', items: ['null', avroTypeOf(column, table, type.items)] }
    default:
      return AVRO_TYPES[type.kind]
  }
}

function decimalType(column: Column, table: Table, { precision, scale }: DecimalForm): AvroType {
  // Readers take a decimal outside Avro's limits for plain bytes, silently.
  if (scale < 0 || scale > precision) {
    throw new TributaryError(
      'INTERNAL',
      `Table ${tableLabel(table)}, column "${column.name}" (${column.nativeType}): ` +
        `decimal(${precision},${scale}) has no form in Avro.`,
    )
  }
  return { type: 'bytes', logicalType: 'decimal', precision, scale }
}
