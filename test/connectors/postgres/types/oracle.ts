import type { ColumnType } from '../../../../core/types.ts'

/**
 * What the server itself says of a value, as text made by its own functions and nothing of ours: the form that a decoded
 * value has (`told`). In a schema of its own.
 */
export const ORACLE_FUNCTIONS = `
  CREATE SCHEMA oracle;
  CREATE FUNCTION oracle.year(y numeric) RETURNS text LANGUAGE sql AS $$
    -- There was no year 0: 44 BC is -43.
    SELECT CASE WHEN a BETWEEN 0 AND 9999 THEN lpad(a::text, 4, '0')
      ELSE CASE WHEN a < 0 THEN '-' ELSE '+' END || lpad(abs(a)::text, greatest(6, length(abs(a)::text)), '0') END
    FROM (SELECT y + (y < 0)::int AS a) s $$;
  CREATE FUNCTION oracle.iso(v date) RETURNS text LANGUAGE sql AS $$
    -- to_char would make a timestamp of it, which ends earlier.
    SELECT CASE WHEN isfinite(v) THEN oracle.year(extract(year FROM v)) || '-' ||
      lpad(extract(month FROM v)::text, 2, '0') || '-' || lpad(extract(day FROM v)::text, 2, '0') ELSE v::text END $$;
  CREATE FUNCTION oracle.iso(v timestamp) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN isfinite(v) THEN oracle.year(extract(year FROM v)) || to_char(v, '-MM-DD"T"HH24:MI:SS.US')
      ELSE v::text END $$;
  CREATE FUNCTION oracle.iso(v timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN isfinite(v) THEN oracle.iso(v AT TIME ZONE 'UTC') || 'Z' ELSE v::text END $$;
  CREATE FUNCTION oracle.iso(v time) RETURNS text LANGUAGE sql AS $$
    SELECT to_char(v::interval, 'HH24:MI:SS.US') $$;
  CREATE FUNCTION oracle.bits(v varbit) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(lpad(to_hex(substr(p, i * 8 + 1, 8)::bit(8)::int), 2, '0'), '' ORDER BY i)
    FROM (SELECT repeat('0', (8 - length(v::text) % 8) % 8) || v::text AS p) s,
      generate_series(0, length(p) / 8 - 1) i $$;
  CREATE FUNCTION oracle.reversed(v bytea) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(lpad(to_hex(get_byte(v, i)), 2, '0'), '' ORDER BY i DESC)
    FROM generate_series(0, length(v) - 1) i $$;
  CREATE FUNCTION oracle.point(v point) RETURNS text LANGUAGE sql AS $$
    SELECT oracle.reversed(float8send(v[0])) || oracle.reversed(float8send(v[1])) $$;
  CREATE FUNCTION oracle.wkb(v point) RETURNS text LANGUAGE sql AS $$
    SELECT '0101000000' || oracle.point(v) $$;
  CREATE FUNCTION oracle.wkb(v lseg) RETURNS text LANGUAGE sql AS $$
    SELECT '010200000002000000' || oracle.point(v[0]) || oracle.point(v[1]) $$;
  CREATE FUNCTION oracle.wkb(v box) RETURNS text LANGUAGE sql AS $$
    SELECT '01030000000100000005000000' || oracle.point(v[1]) || oracle.point(point((v[1])[0], (v[0])[1]))
      || oracle.point(v[0]) || oracle.point(point((v[0])[0], (v[1])[1])) || oracle.point(v[1]) $$;
  CREATE FUNCTION oracle.wkb(v polygon) RETURNS text LANGUAGE sql AS $$
    SELECT '010300000001000000' || oracle.reversed(int4send(npoints(v) + 1))
      || string_agg(oracle.point(m[1]::point), '' ORDER BY n) || (array_agg(oracle.point(m[1]::point) ORDER BY n))[1]
    FROM regexp_matches(substr(v::text, 2, length(v::text) - 2), '\\([^()]*\\)', 'g') WITH ORDINALITY AS p(m, n) $$`

/** So that the oracle prints in the form that a stream's sessions ask for, whatever the database is set to. */
export const ORACLE_SESSION = `
  SET datestyle = ISO; SET timezone = UTC; SET intervalstyle = iso_8601; SET bytea_output = hex;
  SET extra_float_digits = 1; SET search_path = pg_catalog`

/** SQL for what is to be told of a value of this type, which stands in `value`. */
export function oracleOf(type: ColumnType): (value: string) => string {
  switch (type.kind) {
    case 'date':
    case 'time':
    case 'timestamp':
    case 'localTimestamp':
      return value => `oracle.iso(${value})`
    case 'float':
      return value => `encode(float4send(${value}), 'hex')`
    case 'double':
      return value => `encode(float8send(${value}), 'hex')`
    case 'bytes':
      return value => `encode(${value}, 'hex')`
    case 'bits':
      return value => `oracle.bits(${value}::varbit)`
    case 'geometry':
      return value => `oracle.wkb(${value})`
    case 'boolean':
      return value => `(${value})::text`
    default:
      // What SELECT prints, which a cast is not for all types. A row of nulls is a value.
      return value => `CASE WHEN num_nulls(${value}) = 0 THEN format('%s', ${value}) END`
  }
}

/** The text of a decoded value, to be compared with the oracle's. `isJson`: it comes from a record of `format: json`. */
export function told(value: unknown, type: ColumnType, isJson: boolean): unknown {
  if (value === null) return null
  switch (type.kind) {
    case 'array':
      return (value as unknown[]).map(item => told(item, type.items, isJson))
    case 'vector':
      return (value as unknown[]).map(item => told(item, { kind: 'float' }, isJson))
    case 'map':
      return value
    case 'float':
      return floatBytes(Number(value), 4)
    case 'double':
      return floatBytes(Number(value), 8)
    case 'bytes':
    case 'bits':
    case 'geometry':
      return (isJson ? Buffer.from(String(value), 'base64') : (value as Buffer)).toString('hex')
    default:
      return String(value)
  }
}

function floatBytes(value: number, size: 4 | 8): string {
  const bytes = Buffer.alloc(size)
  if (size === 4) bytes.writeFloatBE(value)
  else bytes.writeDoubleBE(value)
  return bytes.toString('hex')
}
