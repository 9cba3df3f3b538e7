import { columnCodec } from '../../connectors/postgres/values.ts'
import type { ColumnType } from '../../core/types.ts'
import { keySchemaText } from '../../schemas/avro.ts'
import { markdownTable } from './tables.ts'

/** Types as people write them, with an OID that stands for them and the modifier that the server would send. */
const TYPES: readonly (readonly [names: string, oid: number, modifier?: number])[] = [
  ['`smallint`, `integer`', 23],
  ['`bigint`', 20],
  ['`oid`', 26],
  ['`real`', 700],
  ['`double precision`', 701],
  ['`numeric(12,2)`', 1700, ((12 << 16) | 2) + 4],
  ['`numeric`; every numeric with `decimals: string`', 1700],
  ['`boolean`', 16],
  ['`uuid`', 2950],
  ['`json`, `jsonb`', 3802],
  ['`bytea`', 17],
  ['`date`', 1082],
  ['`time`', 1083],
  ['`timestamp`', 1114],
  ['`timestamptz`', 1184],
  ['`text`, `varchar`, `char`, and every type not named here: the server’s text', 25],
]

const DECODED: Readonly<Record<ColumnType['kind'], string>> = {
  boolean: 'boolean',
  int: 'number',
  long: 'number, bigint beyond 2^53',
  float: 'number',
  double: 'number',
  decimal: 'exact text',
  string: 'text',
  uuid: 'text',
  json: 'text, as the server prints it',
  bytes: 'Buffer',
  date: 'text, `2026-11-21`',
  time: 'text, `12:00:00.123456`',
  localTimestamp: 'text, `2026-11-21T12:00:00.123456`',
  timestamp: 'text, `2026-11-21T12:00:00.123456Z`',
}

export function postgresTypesTable(): string {
  const rows = TYPES.map(([names, oid, modifier = -1]) => {
    const { type } = columnCodec(oid, modifier, { decimals: 'precise' })
    return [names, `\`${avroText(type)}\``, DECODED[type.kind]]
  })
  return markdownTable(['Column', 'Avro', 'By `tributary/schemas`'], rows)
}

/** The type as it stands in a schema: a key's fields have it without a union around it. */
function avroText(type: ColumnType): string {
  const columns = [{ name: 'c', type, nativeType: '' }]
  const table = { database: '', schema: 's', name: 't', columns, key: [0], deferrableKey: false }
  const schema = JSON.parse(keySchemaText(table, 't') ?? '') as { fields: [{ type: unknown }] }
  return JSON.stringify(schema.fields[0].type)
}
