import type { AvroField, AvroObject } from './avro.ts'
import { optional, sourceSchema, TRANSACTION } from './avro.ts'
import type { ConnectorKind } from './envelope.ts'

// What applications write into the log (Postgres: pg_logical_emit_message), under the names that readers of these
// topics know. Neither schema ever changes.

/** Of the topic, after the prefix of all topics. */
export const MESSAGE_TOPIC = 'message'

const record = (kind: ConnectorKind, name: string, fields: readonly AvroField[]): AvroObject => {
  const namespace = `io.debezium.connector.${kind}`
  return { type: 'record', name, namespace, fields, 'connect.name': `${namespace}.${name}` }
}

/** Schema text of the keys of messages: their prefix. */
export function messageKeySchemaText(kind: ConnectorKind): string {
  return JSON.stringify(record(kind, 'MessageKey', [optional('prefix', 'string')]))
}

/** Schema text of messages. */
export function messageSchemaText(kind: ConnectorKind): string {
  const fields = [
    { name: 'op', type: 'string' },
    optional('ts_ms', 'long'),
    optional('ts_us', 'long'),
    optional('ts_ns', 'long'),
    { name: 'source', type: sourceSchema(kind) },
    optional('transaction', TRANSACTION),
    {
      name: 'message',
      type: record(kind, 'Message', [optional('prefix', 'string'), optional('content', 'bytes')]),
    },
  ]
  return JSON.stringify(record(kind, 'MessageValue', fields))
}
