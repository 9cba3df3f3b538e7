import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type ColumnType, type Row, type Table, UNAVAILABLE, type Value } from '../../../core/types.ts'
import { BatchReader } from '../../support/batch-reader.ts'
import { POSTGRES_SERVERS, TestDatabase } from './database.ts'

interface TypeCase {
  /** The column's type in SQL. */
  readonly sql: string
  readonly type: ColumnType
  /** SQL literals, each with the value that must come of it; without one: the text that SELECT prints. */
  readonly values: readonly (readonly [literal: string, value?: Value])[]
}

const LARGEST_INT64 = 9_223_372_036_854_775_807n
const SMALLEST_INT64 = -9_223_372_036_854_775_808n
const kind = (name: Exclude<ColumnType['kind'], 'decimal'>): ColumnType => ({ kind: name })
const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale })

const NUMBERS: readonly TypeCase[] = [
  {
    sql: 'smallint',
    type: kind('int'),
    values: [
      ['-32768', -32768],
      ['32767', 32767],
    ],
  },
  {
    sql: 'int',
    type: kind('int'),
    values: [
      ['-2147483648', -2147483648],
      ['2147483647', 2147483647],
      ['0', 0],
    ],
  },
  {
    sql: 'bigint',
    type: kind('long'),
    values: [
      ['-9223372036854775808', SMALLEST_INT64],
      ['9223372036854775807', LARGEST_INT64],
      ['9007199254740991', 9007199254740991],
      ['9007199254740992', 9007199254740992n],
      ['-9007199254740993', -9007199254740993n],
      ['123456789012345', 123456789012345],
    ],
  },
  { sql: 'oid', type: kind('long'), values: [['4294967295', 4294967295]] },
  {
    sql: 'real',
    type: kind('float'),
    values: [
      ['0.1', 0.1],
      ['-1.5e-45', -1e-45],
      ['3.4028235e38', 3.4028235e38],
      ["'NaN'", Number.NaN],
      ["'-Infinity'", -Infinity],
    ],
  },
  {
    sql: 'double precision',
    type: kind('double'),
    values: [
      ['0.1', 0.1],
      ['-1.7976931348623157e308', -Number.MAX_VALUE],
      ['5e-324', 5e-324],
      ['123456.789', 123456.789],
      ["'-0'", -0],
      ["'NaN'", Number.NaN],
      ["'Infinity'", Infinity],
    ],
  },
  {
    sql: 'numeric(10,2)',
    type: decimal(10, 2),
    values: [
      ['1.5', '1.50'],
      ['-99999999.99', '-99999999.99'],
      ["'NaN'", UNAVAILABLE],
    ],
  },
  {
    sql: 'numeric(5)',
    type: decimal(5, 0),
    values: [
      ['99999', '99999'],
      ['-0', '0'],
    ],
  },
  { sql: 'numeric(3,-2)', type: decimal(5, 0), values: [['12345', '12300']] },
  { sql: 'numeric(2,5)', type: decimal(5, 5), values: [['0.00012', '0.00012']] },
  {
    sql: 'numeric',
    type: kind('string'),
    values: [['1.100', '1.100'], ["'NaN'", 'NaN'], ["'-Infinity'", '-Infinity'], ['1e40']],
  },
]

const TIMES: readonly TypeCase[] = [
  {
    sql: 'timestamp',
    type: kind('localTimestamp'),
    values: [
      ["'1970-01-01 00:00:00'", 0],
      ["'2026-03-14 15:09:26.535897'", 1773500966535897],
      ["'1969-12-31 23:59:59.999999'", -1],
      ["'0001-01-01'", -62135596800000000n],
      ["'0044-03-15 12:00:00 BC'"],
      ["'4713-01-01 00:00:00 BC'"],
      ["'12345-06-07 08:09:10.5'"],
      ["'294246-12-31 23:59:59.999999'"],
      ["'294276-12-31 23:59:59.999999'", UNAVAILABLE],
      ["'infinity'", LARGEST_INT64],
      ["'-infinity'", SMALLEST_INT64],
    ],
  },
  {
    sql: 'timestamptz',
    type: kind('timestamp'),
    values: [
      ["'2026-03-14 15:09:26.535897+01'"],
      ["'2026-03-14 15:09:26-05:30'"],
      ["'0044-03-15 12:00:00+00 BC'"],
      ["'infinity'", LARGEST_INT64],
    ],
  },
  {
    sql: 'date',
    type: kind('date'),
    values: [
      ["'2024-02-29'", 19782],
      ["'1969-12-31'", -1],
      ["'0001-12-31 BC'"],
      ["'5874897-12-31'"],
      ["'infinity'", 2147483647],
      ["'-infinity'", -2147483648],
    ],
  },
  {
    sql: 'time',
    type: kind('time'),
    values: [
      ["'00:00:00'", 0],
      ["'23:59:59.999999'", 86399999999],
      ["'24:00:00'", 86400000000],
    ],
  },
  { sql: 'timetz', type: kind('string'), values: [["'12:00:00.5+02'", '12:00:00.5+02']] },
  {
    sql: 'interval',
    type: kind('string'),
    values: [["'1 year 2 months -3 days 04:05:06.7'", 'P1Y2M-3DT4H5M6.7S']],
  },
]

const TEXTS: readonly TypeCase[] = [
  {
    sql: 'text',
    type: kind('string'),
    values: [["''", ''], ["'Grüße, 世界 🎉'", 'Grüße, 世界 🎉'], [`repeat('é', 70000)`]],
  },
  { sql: 'varchar(20)', type: kind('string'), values: [["'a b '", 'a b ']] },
  { sql: 'char(5)', type: kind('string'), values: [["'ab'", 'ab   ']] },
  { sql: 'name', type: kind('string'), values: [["'n'", 'n']] },
  { sql: '"char"', type: kind('string'), values: [["'x'", 'x']] },
  {
    sql: 'boolean',
    type: kind('boolean'),
    values: [
      ['true', true],
      ['false', false],
    ],
  },
  {
    sql: 'uuid',
    type: kind('uuid'),
    values: [["'A0EEBC99-9c0b-4ef8-bb6d-6bb9bd380a11'", 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11']],
  },
  {
    sql: 'json',
    type: kind('json'),
    values: [[`'{"a": 1.10, "a":9007199254740993}'`, '{"a": 1.10, "a":9007199254740993}']],
  },
  {
    sql: 'jsonb',
    type: kind('json'),
    values: [[`'{"b":1.10,"a":9007199254740993}'`, '{"a": 9007199254740993, "b": 1.10}']],
  },
  {
    sql: 'bytea',
    type: kind('bytes'),
    values: [
      ["'\\x'", Buffer.alloc(0)],
      ["'\\x00ff5c27'", Buffer.from('00ff5c27', 'hex')],
    ],
  },
  { sql: 'mood', type: kind('string'), values: [["'so so'", 'so so']] },
  { sql: 'price', type: decimal(8, 3), values: [['1.5', '1.500']] },
  { sql: 'discount', type: decimal(8, 3), values: [['0.25', '0.250']] },
  { sql: 'inet', type: kind('string'), values: [["'10.0.0.0/8'", '10.0.0.0/8']] },
  { sql: 'int[]', type: kind('string'), values: [["'{1,NULL,3}'", '{1,NULL,3}']] },
  { sql: 'money', type: kind('string'), values: [['12.34']] },
  { sql: 'int4range', type: kind('string'), values: [["'[1,5]'", '[1,6)']] },
  { sql: 'point', type: kind('string'), values: [["'(1,2)'", '(1,2)']] },
  { sql: 'bit varying', type: kind('string'), values: [["B'0101'", '0101']] },
  { sql: 'xml', type: kind('string'), values: [["'<a>b</a>'", '<a>b</a>']] },
  { sql: 'pair', type: kind('string'), values: [[`'(1,"a b")'`, '(1,"a b")']] },
]

const CASES = [...NUMBERS, ...TIMES, ...TEXTS]

for (const { name, start } of POSTGRES_SERVERS) {
  describe(`values of ${name}`, () => {
    let database: TestDatabase
    let reader: BatchReader
    before(async () => {
      database = await TestDatabase.create((await start()).url)
      await database.commit(`
        CREATE TYPE mood AS ENUM ('fine', 'so so');
        CREATE TYPE pair AS (a int, b text);
        CREATE DOMAIN price AS numeric(8,3) CHECK (value >= 0);
        CREATE DOMAIN discount AS price`)
      // Of no concern to us, whatever the database's own settings are.
      await database.commit(`ALTER DATABASE ${database.name} SET datestyle = 'German, DMY'`)
      await database.commit(`ALTER DATABASE ${database.name} SET timezone = 'America/New_York'`)
      await database.commit(`ALTER DATABASE ${database.name} SET bytea_output = 'escape'`)
      await database.commit(`ALTER DATABASE ${database.name} SET extra_float_digits = 0`)
      const columns = CASES.map(({ sql }, index) => `c${index} ${sql}`)
      await database.commit(`CREATE TABLE all_types (id int PRIMARY KEY, ${columns.join(', ')})`)
      reader = new BatchReader(database.source(), {})
      await reader.pull()
    })
    after(async () => {
      await reader.source.close()
      await database.drop()
    })

    for (const [index, typeCase] of CASES.entries()) {
      it(`${typeCase.sql} arrives as it is`, () => arrivesAsItIs(database, reader, { index, ...typeCase }))
    }

    it('null is null in every column', async () => {
      const from = reader.events.length
      await database.commit('INSERT INTO all_types (id) VALUES (-1)')
      await reader.pullEvents(from + 1)
      assert.deepEqual(
        reader.events.at(-1)?.after?.slice(1),
        CASES.map(() => null),
      )
    })
  })
}

let rows = 0

/** Each value inserted, read from the stream, and compared: with what is expected, and with what SELECT prints. */
async function arrivesAsItIs(
  database: TestDatabase,
  reader: BatchReader,
  { index, sql, type, values }: TypeCase & { index: number },
): Promise<void> {
  for (const [literal, expected] of values) {
    const from = reader.events.length
    const id = ++rows
    await database.commit(`INSERT INTO all_types (id, c${index}) VALUES (${id}, ${literal})`)
    await reader.pullEvents(from + 1)
    const { table, after: row } = reader.events.at(-1) as { table: Table; after: Row }
    const value = row[index + 1] as Value
    assert.deepEqual(table.columns[index + 1]?.type, type)
    if (expected !== undefined) assert.deepEqual(value, expected, `${sql} ${literal}`)
    if (value === UNAVAILABLE) continue
    // The server takes the value back and finds it equal to what it holds.
    const cast = castBack(type)
    const [found] = await database.query<{ same: boolean }>(
      `SELECT ${cast(sql)} IS NOT DISTINCT FROM c${index}::text AS same FROM all_types WHERE id = ${id}`,
      [argument(value)],
    )
    assert.equal(found?.same, true, `${sql} ${literal} is not what SELECT prints`)
  }
}

/** SQL that makes the text of a column's value from `$1`, our value as text. */
function castBack(type: ColumnType): (sql: string) => string {
  const sinceEpoch = `CASE $1::text WHEN '${LARGEST_INT64}' THEN 'infinity' WHEN '${SMALLEST_INT64}' THEN '-infinity'`
  switch (type.kind) {
    case 'localTimestamp':
      return () =>
        `(${sinceEpoch} ELSE ('1970-01-01 00:00:00'::timestamp + ($1::numeric / 86400000000)::bigint * interval '1 day' + ($1::numeric - ($1::numeric / 86400000000)::bigint * 86400000000)::bigint * interval '1 microsecond')::text END)`
    case 'timestamp':
      return () =>
        `(${sinceEpoch} ELSE ('1970-01-01 00:00:00+00'::timestamptz + ($1::numeric / 86400000000)::bigint * interval '24 hours' + ($1::numeric - ($1::numeric / 86400000000)::bigint * 86400000000)::bigint * interval '1 microsecond')::text END)`
    case 'date':
      return () =>
        `(CASE $1::text WHEN '2147483647' THEN 'infinity' WHEN '-2147483648' THEN '-infinity' ELSE ('1970-01-01'::date + $1::int)::text END)`
    case 'time':
      return () =>
        `(CASE $1::text WHEN '86400000000' THEN '24:00:00' ELSE ('00:00'::time + $1::bigint * interval '1 microsecond')::text END)`
    case 'bytes':
      return () => `decode($1, 'hex')::text`
    default:
      return sql => `$1::text::${sql}::text`
  }
}

const argument = (value: Value): string =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString('hex')
    : Object.is(value, -0)
      ? '-0'
      : String(value)
