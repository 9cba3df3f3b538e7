import type { ColumnType, PlainKind } from '../../../../core/types.ts'
import { oracleOf } from './oracle.ts'

export interface TypeCase {
  /** The column's type in SQL. */
  readonly sql: string
  readonly type: ColumnType
  /** SQL literals. */
  readonly values: readonly string[]
  /** Literals of values that have no form in the type: null, and their text in a header. */
  readonly unfit: readonly string[]
  /** SQL for what the server itself says of a value, as text. */
  readonly oracle: (value: string) => string
}

interface Parts {
  readonly unfit?: readonly string[]
  readonly oracle?: (value: string) => string
}

export function typeCase(
  sql: string,
  of: PlainKind | ColumnType,
  values: readonly string[],
  { unfit = [], oracle }: Parts = {},
): TypeCase {
  const type: ColumnType = typeof of === 'string' ? { kind: of } : of
  return { sql, type, values, unfit, oracle: oracle ?? oracleOf(type) }
}

const text = (sql: string, ...values: string[]): TypeCase => typeCase(sql, 'string', values)
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale })
const NO_NUMBERS = ["'NaN'"]

const NUMBERS: readonly TypeCase[] = [
  typeCase('smallint', 'int', ['-32768', '32767']),
  typeCase('int', 'int', ['-2147483648', '2147483647', '0']),
  typeCase('bigint', 'long', [
    '-9223372036854775808',
    '9223372036854775807',
    '9007199254740991',
    '9007199254740992',
    '-9007199254740993',
    '123456789012345',
  ]),
  typeCase('oid', 'long', ['4294967295', '0']),
  typeCase('real', 'float', ['0.1', '-1.5e-45', '3.4028235e38', '16777217', "'-0'", "'NaN'", "'-Infinity'"]),
  typeCase('double precision', 'double', [
    '0.1',
    '-1.7976931348623157e308',
    '5e-324',
    '123456.789',
    '9007199254740993',
    "'-0'",
    "'NaN'",
    "'Infinity'",
  ]),
  typeCase('numeric(10,2)', decimal(10, 2), ['1.5', '-99999999.99', '0'], { unfit: NO_NUMBERS }),
  typeCase('numeric(5)', decimal(5, 0), ['99999', '-0'], { unfit: NO_NUMBERS }),
  typeCase('numeric(3,-2)', decimal(5, 0), ['12345', '-99900'], { unfit: NO_NUMBERS }),
  typeCase('numeric(2,5)', decimal(5, 5), ['0.00012', '-0.00099'], { unfit: NO_NUMBERS }),
  typeCase('numeric(1000,500)', decimal(1000, 500), [
    "(repeat('9', 500) || '.' || repeat('9', 500))::numeric",
    "('-' || repeat('123456789', 50) || '.1')::numeric",
  ]),
  text(
    'numeric',
    '1.100',
    "'NaN'",
    "'-Infinity'",
    "'Infinity'",
    '1e40',
    '-0.000',
    '1e-16383',
    "'1e131071'::numeric",
  ),
  text('money', '12.34', '-92233720368547758.08'),
]

const TIMES: readonly TypeCase[] = [
  typeCase(
    'timestamp',
    'localTimestamp',
    [
      "'1970-01-01 00:00:00'",
      "'2026-03-14 15:09:26.535897'",
      "'1969-12-31 23:59:59.999999'",
      "'0001-01-01'",
      "'0001-12-31 23:59:59.999999 BC'",
      "'0044-03-15 12:00:00 BC'",
      "'4714-11-24 00:00:00 BC'",
      "'12345-06-07 08:09:10.5'",
      "'294246-12-31 23:59:59.999999'",
      "'infinity'",
      "'-infinity'",
    ],
    { unfit: ["'294276-12-31 23:59:59.999999'"] },
  ),
  typeCase('timestamp(0)', 'localTimestamp', ["'2026-03-14 15:09:26.535897'"]),
  typeCase(
    'timestamptz',
    'timestamp',
    [
      "'2026-03-14 15:09:26.535897+01'",
      "'2026-03-14 15:09:26-05:30'",
      "'1883-11-18 12:00:00 America/New_York'",
      "'0044-03-15 12:00:00+00 BC'",
      "'4714-11-24 00:00:00+00 BC'",
      "'infinity'",
      "'-infinity'",
    ],
    { unfit: ["'294276-12-31 23:59:59.999999+00'"] },
  ),
  typeCase('date', 'date', [
    "'2024-02-29'",
    "'1969-12-31'",
    "'0001-12-31 BC'",
    "'4714-11-24 BC'",
    "'9999-12-31'",
    "'10000-01-01'",
    "'5874897-12-31'",
    "'infinity'",
    "'-infinity'",
  ]),
  typeCase('time', 'time', ["'00:00:00'", "'23:59:59.999999'", "'24:00:00'"]),
  text('timetz', "'12:00:00.5+02'", "'24:00:00-15:59'", "'00:00:00+05:45'", "'12:34:56.789012-00:00:28'"),
  text(
    'interval',
    "'1 year 2 months -3 days 04:05:06.7'",
    "'0'",
    "'-1 year -2 months +3 days -04:05:06.789'",
    "'-0.000001 seconds'",
    "'1 month -1 day'",
    "'-178000000 years'",
    "'178000000 years 11 months 2147483647 days 2562047788:00:54.775807'",
  ),
  text('interval year to month', "'3 years 4 months'"),
]

const TEXTS: readonly TypeCase[] = [
  text(
    'text',
    "''",
    "'Grüße, 世界 🎉'",
    `'NULL'`,
    `'null'`,
    `' a,b{}"\\ '`,
    String.raw`E'\t\n\r\x01\x7f'`,
    `repeat('é"\\', 3000)`,
    // The first and last of each plane but the surrogates and those that are no characters in any encoding.
    `(SELECT string_agg(chr(plane * 65536 + c), '') FROM generate_series(0, 16) plane, unnest('{1,55295,57344,65533,65535}'::int[]) c)`,
  ),
  text('varchar(20)', "'a b '", `'"'`),
  text('char(5)', "'ab'", "''"),
  text('name', "'n'", `repeat('é', 31)`),
  text('"char"', "'x'", "''", `'"'`, String.raw`'\200'::"char"`),
  typeCase('boolean', 'boolean', ['true', 'false']),
  typeCase('uuid', 'uuid', [
    "'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'",
    "'00000000-0000-0000-0000-000000000000'",
  ]),
  typeCase('json', 'json', [
    `'{"a": 1.10, "a":9007199254740993, "b": "\\u00e9\\n"}'`,
    `'null'`,
    `' [1e400] '`,
  ]),
  typeCase('jsonb', 'json', [`'{"b":1.10,"a":9007199254740993,"é\\"": [1e400, "\\\\"]}'`, `'null'`, `'""'`]),
  text('jsonpath', `'$.a[*] ? (@ > 1)'`),
  text('xml', '\'<a b="c">d&amp;</a>\''),
  typeCase('bytea', 'bytes', ["'\\x'", "'\\x00ff5c27'", "decode(repeat('5c22', 5000), 'hex')"]),
  typeCase('bit', 'boolean', ["B'0'", "B'1'"], { oracle: value => `(${value} = B'1')::text` }),
  typeCase('bit(3)', { kind: 'bits', length: 3 }, ["B'101'", "B'000'"]),
  typeCase('bit(8)', { kind: 'bits', length: 8 }, ["B'10000001'"]),
  typeCase('bit(12)', { kind: 'bits', length: 12 }, ["B'101010111100'", "B'000000000001'"]),
  typeCase('bit(65)', { kind: 'bits', length: 65 }, ["B'1'::bit(65)", "~ B'0'::bit(65)"]),
  text('bit varying', "B'0101'", "B'101'", "B''", `repeat('10', 500)::varbit`),
  text('bit varying(5)', "B'01'"),
]

const OTHERS: readonly TypeCase[] = [
  text('inet', "'10.0.0.0/8'", "'192.168.0.1'", "'::1'"),
  text('cidr', "'10.0.0.0/8'"),
  text('macaddr', "'08:00:2b:01:02:03'"),
  text('macaddr8', "'08:00:2b:01:02:03:04:05'"),
  text('int4range', "'[1,5]'", "'empty'", "'(,)'"),
  text('int8range', "'[1,9223372036854775807)'"),
  text('numrange', "'[1.10,2.5]'"),
  text('tsrange', "'[2026-01-01 10:00,infinity]'", `'["0044-01-01 BC",)'`),
  text('tstzrange', "'[2026-01-01 10:00+01,)'"),
  text('daterange', "'[2026-01-01,2026-02-01]'"),
  text('int4multirange', "'{[1,2],[5,7]}'", "'{}'"),
  text('int8multirange', "'{[1,2]}'"),
  text('nummultirange', "'{[1.5,2],[5,]}'"),
  text('tsmultirange', "'{[2026-01-01 10:00,2026-01-02]}'"),
  text('tstzmultirange', "'{[2026-01-01 10:00+01,2026-01-02 00:00Z]}'"),
  text('datemultirange', "'{[2026-01-01,2026-02-01],[2027-01-01,]}'"),
  typeCase('point', { kind: 'geometry', srid: null }, [
    "'(1,2)'",
    "'(-0,1e300)'",
    "'(NaN,-Infinity)'",
    "'(0.1,1e-5)'",
  ]),
  typeCase('lseg', { kind: 'geometry', srid: null }, ["'[(1,2),(3.5,-4)]'"]),
  typeCase('box', { kind: 'geometry', srid: null }, ["'(1,2),(3,4)'", "'(3,4),(1,2)'"]),
  typeCase('polygon', { kind: 'geometry', srid: null }, ["'((0,0),(4,0),(4,3))'", "'((1,1))'"]),
  text('path', "'[(0,0),(1,1)]'", "'((0,0),(1,1),(2,0))'"),
  text('line', "'{1,-1,0.5}'"),
  text('circle', "'<(1,2),3>'"),
  text('tsvector', `'a:1 fat:2,4B cat''s:3'`),
  text('tsquery', "'fat & (rat | !cat:*)'"),
  text('pg_lsn', "'16/B374D848'"),
  text('txid_snapshot', "'10:20:10,14,15'"),
  text('pg_snapshot', "'10:20:10,14,15'"),
  text('xid', "'4294967295'"),
  text('xid8', "'18446744073709551615'"),
  text('cid', "'7'"),
  text('tid', "'(42,7)'"),
  text('regclass', '\'public."Odd ""name"""\'', "'pg_class'"),
  text('regcollation', `'pg_catalog."C"'`),
  text('regconfig', "'simple'"),
  text('regdictionary', "'simple'"),
  text('regnamespace', "'public'"),
  text('regoper', "'pg_catalog.||/'"),
  text('regoperator', "'pg_catalog.+(int4,int4)'"),
  text('regproc', "'now'"),
  text('regprocedure', "'pg_catalog.lower(text)'"),
  text('regrole', "'postgres'"),
  text('regtype', "'public.mood'", "'timestamptz'"),
  text('aclitem', "'postgres=r/postgres'"),
  text('int2vector', "'1 2 -3'"),
  text('oidvector', "'1 4294967295'"),
  text('refcursor', "'portal'"),
]

/** What `MADE_TYPES` makes. */
const MADE: readonly TypeCase[] = [
  text('public.mood', "'so so'", `'NULL'`, `'"q", {é} 🎉'`),
  text('public.pair', `'(1,"a b")'`, `ROW(NULL, '"\\,')::public.pair`, `ROW(1, '')::public.pair`),
  text(
    'public.nested',
    `ROW('(1,2)', ARRAY[ROW(1,'a,b')::public.pair], '2026-01-01 00:00+01')::public.nested`,
  ),
  text('public.floats', "'[1.5,2.5]'"),
  text('public.unknown', '\'anything, "really"\'', "''"),
]

export const MADE_TYPES = `
  CREATE TYPE public.mood AS ENUM ('fine', 'so so', 'NULL', '"q", {é} 🎉');
  CREATE TYPE public.pair AS (a int, b text);
  CREATE TYPE public.nested AS (p point, pairs public.pair[], at timestamptz);
  CREATE TYPE public.floats AS RANGE (subtype = float8);
  CREATE TABLE public."Odd ""name""" ();
  CREATE TYPE public.unknown;
  CREATE FUNCTION public.unknown_in(cstring) RETURNS public.unknown AS 'textin' LANGUAGE internal STRICT IMMUTABLE;
  CREATE FUNCTION public.unknown_out(public.unknown) RETURNS cstring AS 'textout' LANGUAGE internal STRICT IMMUTABLE;
  CREATE TYPE public.unknown (input = public.unknown_in, output = public.unknown_out, like = text)`

export const CASES: readonly TypeCase[] = [...NUMBERS, ...TIMES, ...TEXTS, ...OTHERS, ...MADE]
