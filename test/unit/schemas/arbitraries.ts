import fc from 'fast-check'
import type { ColumnType, Row, Table, Value } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'
import { column, table } from '../../support/events.ts'

export const KINDS = [
  'boolean',
  'int',
  'long',
  'float',
  'double',
  'string',
  'bytes',
  'uuid',
  'json',
  'date',
  'time',
  'timestamp',
  'localTimestamp',
] as const

const anySimpleType: fc.Arbitrary<ColumnType> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...KINDS).map(kind => ({ kind })) },
  {
    weight: 1,
    arbitrary: fc
      .integer({ min: 1, max: 60 })
      .chain(precision =>
        fc.integer({ min: 0, max: precision }).map(scale => ({ kind: 'decimal' as const, precision, scale })),
      ),
  },
)

const anyComposedType: fc.Arbitrary<ColumnType> = fc.oneof(
  fc.constantFrom<ColumnType>({ kind: 'map' }, { kind: 'vector' }, { kind: 'geometry', srid: null }),
  fc.constant<ColumnType>({ kind: 'geometry', srid: 4326 }),
  fc.integer({ min: 2, max: 70 }).map((length): ColumnType => ({ kind: 'bits', length })),
  anySimpleType.map((items): ColumnType => ({ kind: 'array', items })),
  anySimpleType.map((items): ColumnType => ({ kind: 'array', items: { kind: 'array', items } })),
  fc.constant<ColumnType>({ kind: 'array', items: { kind: 'map' } }),
)

export const anyType: fc.Arbitrary<ColumnType> = fc.oneof(
  { weight: 3, arbitrary: anySimpleType },
  { weight: 1, arbitrary: anyComposedType },
)

const anyInt = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  fc.constantFrom(0, -1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)),
)

/** Numbers where they are exact, bigints elsewhere, as sources hand them over. */
const anyLong = fc.oneof(
  anyInt,
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constantFrom(
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2 ** 52 + 1,
    -(2 ** 52) - 1,
    2 ** 32,
    -(2 ** 32),
  ),
  fc.constantFrom(2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n, -(2n ** 53n)),
)

/** All planes, and halves of pairs that stand alone; short and long. */
export const anyText = fc.oneof(
  fc.string({ unit: 'binary-ascii', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({
    unit: fc.constantFrom('a', 'é', '€', '😀', '\ud83d', '\ude00', '"', '\\', '\n'),
    maxLength: 80,
  }),
  fc.integer({ min: 0, max: 9000 }).map(length => 'x'.repeat(length)),
  fc.integer({ min: 0, max: 3000 }).map(length => '€'.repeat(length)),
)

export const decimalText = (precision: number, scale: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.boolean(),
      fc.bigInt({ min: 0n, max: 10n ** BigInt(precision) - 1n }),
      fc.integer({ min: 0, max: precision }),
    )
    .map(([isNegative, wide, digits]) => {
      const text = (wide % 10n ** BigInt(digits)).toString().padStart(scale + 1, '0')
      const unsigned = scale === 0 ? text : `${text.slice(0, -scale)}.${text.slice(-scale)}`
      return isNegative && /[1-9]/.test(unsigned) ? `-${unsigned}` : unsigned
    })

export function anyValue(type: ColumnType): fc.Arbitrary<Value> {
  switch (type.kind) {
    case 'boolean':
      return fc.boolean()
    case 'int':
    case 'date':
      return anyInt
    case 'long':
    case 'timestamp':
    case 'localTimestamp':
      return anyLong
    case 'time':
      return fc.integer({ min: 0, max: 86_400_000_000 })
    case 'float':
      return fc.float()
    case 'double':
      return fc.double()
    case 'string':
      return anyText
    case 'json':
      return fc.json()
    case 'uuid':
      return fc.uuid()
    case 'bytes':
      return fc.uint8Array({ maxLength: 300 })
    case 'decimal':
      return decimalText(type.precision, type.scale)
    case 'bits':
      return anyBits(type.length)
    case 'geometry':
      return fc.uint8Array({ minLength: 1, maxLength: 60 })
    case 'array':
      return fc.array(fc.option(anyValue(type.items)), { maxLength: 12 })
    case 'vector':
      return fc.array(fc.float(), { maxLength: 12 })
    case 'map':
      return fc
        .array(fc.tuple(anyName, fc.option(anyText)), { maxLength: 6 })
        .map(entries => new Map(entries))
  }
}

/**
 * Also names that objects have of themselves; none that looks like a number, which objects would put first; and none that
 * ends in a backslash: after `{"k\\\\": 1}`, the JSON.parse of V8 13.6 takes `{"k\\n": 1}` for the same.
 */
const anyName = fc.oneof(
  anyText.map(text => `k${text.toWellFormed()}.`),
  fc.constantFrom('__proto__', 'constructor', ''),
)

const anyBits = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.bigInt({ min: 0n, max: 2n ** BigInt(length) - 1n }).map(value => {
    const bytes = Math.ceil(length / 8)
    return new Uint8Array(Buffer.from(value.toString(16).padStart(2 * bytes, '0'), 'hex'))
  })

const anyCell = (type: ColumnType): fc.Arbitrary<Value> =>
  fc.oneof(
    { weight: 8, arbitrary: anyValue(type) },
    { weight: 1, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.constant(UNAVAILABLE) },
    { weight: 1, arbitrary: anyText.map(text => new Unfit(text)) },
  )

export interface Rows {
  readonly table: Table
  readonly before: Row | null
  readonly after: Row | null
}

/** A keyed table of any columns, and two images of a row; the key is the first column. */
export const anyRows: fc.Arbitrary<Rows> = fc.array(anyType, { minLength: 1, maxLength: 20 }).chain(types => {
  const columns = types.map((type, index) => column(`c${index}`, type))
  const row = fc.tuple(anyValue(types[0] as ColumnType), ...types.slice(1).map(anyCell))
  return fc.record({
    table: fc.constant(table('things', { columns })),
    before: fc.option(row),
    after: row as fc.Arbitrary<Row | null>,
  })
})
