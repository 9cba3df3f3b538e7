import { type BaseType, typeCodec } from '../../connectors/postgres/values.ts'
import type { ColumnType } from '../../core/types.ts'
import { keySchemaText } from '../../schemas/avro.ts'
import { markdownTable } from './tables.ts'

const type = (typeOid: number, typeModifier = -1): BaseType => ({ typeOid, typeModifier })
const extension = (name: string, typeModifier = -1): BaseType => ({
  ...type(0, typeModifier),
  extension: name,
})
const array = (dimensions: number): BaseType => ({
  ...type(1007),
  array: { element: type(23), delimiter: ',', dimensions },
})

/** Types as people write them, one that stands for them, and what its decoded value looks like. */
const TYPES: readonly (readonly [names: string, type: BaseType, decoded?: string])[] = [
  ['`smallint`, `integer`', type(23)],
  ['`bigint`, `oid`', type(20)],
  ['`real`', type(700)],
  ['`double precision`', type(701)],
  ['`numeric(12,2)`', type(1700, ((12 << 16) | 2) + 4)],
  ['`numeric`; every numeric with `decimals: string`', type(1700), 'exact text; `NaN`, `Infinity`'],
  ['`boolean`, `bit(1)`', type(16)],
  ['`bit(12)`', type(1560, 12), 'Buffer: the bits big-endian, zero bits in front'],
  ['`bit varying`', type(1562), 'text of 0 and 1'],
  ['`char`, `varchar`, `text`, `name`, `"char"`, `citext`, `xml`, enums', type(25)],
  ['`uuid`', type(2950)],
  ['`json`, `jsonb`', type(3802)],
  ['`bytea`', type(17)],
  ['`date`', type(1082)],
  ['`time`', type(1083)],
  ['`timetz`', type(1266), 'text, ISO 8601: `12:00:00.123456+02`'],
  ['`timestamp`', type(1114)],
  ['`timestamptz`', type(1184)],
  ['`interval`', type(1186), 'text, ISO 8601: `P1Y2M-3DT4H5M6.7S`, each part with its own sign; `infinity`'],
  ['arrays: `integer[]`', array(1), 'array of such values, or null'],
  ['arrays of more dimensions: `integer[][]`', array(2), 'text, `{{1,2},{3,4}}`'],
  ['`hstore`', extension('hstore.hstore'), 'object of texts, or null'],
  [
    '`point`, `lseg`, `box`, `polygon`',
    type(600),
    'Buffer: WKB of a point, a line string, polygons of one ring',
  ],
  ['`path`, `line`, `circle`', type(602)],
  ['`geometry`, `geography` of PostGIS', extension('postgis.geometry'), 'Buffer: EWKB'],
  ['the same with an SRID: `geometry(Point,4326)`', extension('postgis.geometry', 0x10e604), 'Buffer: EWKB'],
  ['`vector`, `halfvec` of pgvector', extension('vector.vector'), 'array of numbers'],
  ['`sparsevec` of pgvector', extension('vector.sparsevec')],
  [
    'ranges and multiranges: `int4range`, `int4multirange`, `int8range`, `int8multirange`, `numrange`, `nummultirange`, `tsrange`, `tsmultirange`, `tstzrange`, `tstzmultirange`, `daterange`, `datemultirange`, your own',
    type(3904),
  ],
  ['`inet`, `cidr`, `macaddr`, `macaddr8`', type(869)],
  ['`money`', type(790), 'text, as `lc_monetary` of the database has it'],
  ['`ltree`, `tsvector`, `tsquery`, `jsonpath`, `cube`, `isbn`, composite types', type(3614)],
  ['`pg_lsn`, `txid_snapshot`, `pg_snapshot`, `xid`, `xid8`, `cid`, `tid`', type(3220)],
  [
    '`regclass`, `regcollation`, `regconfig`, `regdictionary`, `regnamespace`, `regoper`, `regoperator`, `regproc`, `regprocedure`, `regrole`, `regtype`',
    type(2205),
    'text, the name with its schema',
  ],
  ['`aclitem`, `int2vector`, `oidvector`, `refcursor`', type(1033)],
  [
    '`pg_node_tree`, `pg_ndistinct`, `pg_dependencies`, `pg_mcv_list`, `pg_brin_bloom_summary`, `pg_brin_minmax_multi_summary`, `gtsvector`',
    type(194),
  ],
  ['every type that is not named here: what the server prints', type(0)],
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
  bits: 'Buffer',
  geometry: 'Buffer',
  array: 'array',
  vector: 'array',
  map: 'object',
  date: 'text, `2026-11-21`',
  time: 'text, `12:00:00.123456`',
  localTimestamp: 'text, `2026-11-21T12:00:00.123456`',
  timestamp: 'text, `2026-11-21T12:00:00.123456Z`',
}

export function postgresTypesTable(): string {
  const rows = TYPES.map(([names, example, decoded]) => {
    const { type } = typeCodec(example, { decimals: 'precise' })
    return [names, `\`${avroText(type)}\``, decoded ?? DECODED[type.kind]]
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
