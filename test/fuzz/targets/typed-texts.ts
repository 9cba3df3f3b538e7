import type { BaseType } from '../../../connectors/postgres/types/codec.ts'
import { CANARY } from '../target.ts'

/** A type with texts as the server prints them. */
export interface TypedTexts {
  readonly type: BaseType
  readonly texts: readonly string[]
}

const plain = (typeOid: number, ...texts: string[]): TypedTexts => ({
  type: { typeOid, typeModifier: -1 },
  texts,
})

const sized = (typeOid: number, typeModifier: number, ...texts: string[]): TypedTexts => ({
  type: { typeOid, typeModifier },
  texts,
})

const numeric = (precision: number, scale: number, ...texts: string[]): TypedTexts =>
  sized(1700, 4 + ((precision << 16) | (scale & 0x7ff)), ...texts)

const array = (typeOid: number, element: BaseType, ...texts: string[]): TypedTexts => ({
  type: { typeOid, typeModifier: -1, array: { element, delimiter: ',', dimensions: 1 } },
  texts,
})

/** Types of extensions have other OIDs in every database. */
const extension = (typeOid: number, name: string, ...texts: string[]): TypedTexts => ({
  type: { typeOid, typeModifier: -1, extension: name },
  texts,
})

const element = (typeOid: number, typeModifier = -1): BaseType => ({ typeOid, typeModifier })

const POINT_1_2 = '0101000020e6100000000000000000f03f0000000000000040'

export const TYPED_TEXTS: readonly TypedTexts[] = [
  plain(16, 't', 'f'),
  plain(17, `\\x${Buffer.from(CANARY).toString('hex')}`, '\\x'),
  plain(19, `${CANARY} name`),
  plain(20, '9223372036854775807', '-1'),
  plain(21, '-32768'),
  plain(23, '2147483647'),
  plain(25, `${CANARY} text`, '', '😀 "quoted", \\ and so on'),
  plain(26, '4294967295'),
  plain(114, `{"a": ["${CANARY}", 1.5e300, null]}`),
  plain(600, '(1.5,-2)', '(NaN,Infinity)'),
  plain(601, '[(1,2),(3.5,-4)]'),
  plain(603, '(3,4),(1,2)'),
  plain(604, '((0,0),(1,0),(1,1))'),
  plain(700, '1.5', 'NaN'),
  plain(701, '-Infinity', '1.7976931348623157e+308', '0.1'),
  plain(790, '$1,234.56'),
  plain(869, '192.168.0.1/24'),
  array(1000, element(16), '{t,f,NULL}'),
  array(1001, element(17), '{"\\\\x4361",NULL}'),
  array(1007, element(23), '{1,NULL,-3}', '[0:1]={1,2}', '{{1,2},{3,4}}', '{}'),
  array(1009, element(25), `{${CANARY},"a \\"quoted\\" \\\\ one",NULL,"NULL",""}`),
  array(1182, element(1082), '{2024-02-29,infinity,"0044-03-15 BC"}'),
  array(1115, element(1114), '{"2024-02-29 12:34:56.789012",-infinity}'),
  plain(1042, `${CANARY}   `),
  plain(1043, CANARY),
  plain(1082, '2024-02-29', 'infinity', '0044-03-15 BC', '5874897-12-31'),
  plain(1083, '24:00:00', '12:34:56.789012'),
  plain(
    1114,
    '2024-02-29 12:34:56.789012',
    '-infinity',
    '294276-12-31 23:59:59.999999',
    '4713-01-01 00:00:00 BC',
  ),
  plain(1184, '2024-02-29 12:34:56.789012+00', '0001-01-01 00:00:00+00 BC'),
  plain(1186, '1 year 2 mons -3 days +04:05:06.789'),
  array(1231, element(1700, 4 + ((10 << 16) | 2)), '{1.50,NULL}', '{1.5,NaN}'),
  plain(1266, '12:34:56.789012+05:30'),
  sized(1560, 5, '10110'),
  plain(1562, '0101'),
  plain(1700, '12345678901234567890.123456789', 'NaN', '-Infinity'),
  numeric(10, 2, '12.50', 'NaN'),
  numeric(1000, 1000, '0.5'),
  numeric(2, -2, '1200'),
  plain(2249, `(1,"${CANARY} ""quoted""",)`),
  plain(2950, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
  array(2951, element(2950), '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}'),
  plain(3220, '16/B374D848'),
  plain(3614, `'${CANARY.toLowerCase()}':1A 'fat':2`),
  plain(3802, `{"${CANARY}": {"b": [true]}}`),
  plain(3904, '[1,10)', 'empty', '(,)'),
  plain(3908, '["2024-01-01 00:00:00","2024-02-01 00:00:00")'),
  plain(4451, '{[1,3),[5,7)}'),
  extension(90_001, 'hstore.hstore', `"a"=>"${CANARY} \\" \\\\", "b"=>NULL`, ''),
  extension(90_002, 'postgis.geometry', POINT_1_2),
  extension(90_003, 'vector.vector', '[1,2.5,-3e-05]'),
]

/** By OID, what the catalog would say of it. */
export const BASE_TYPES: ReadonlyMap<number, BaseType> = new Map(
  TYPED_TEXTS.filter(({ type }) => type.array || type.extension).map(({ type }) => [type.typeOid, type]),
)
