import type { ChangeEvent, OutRecord, Row, Value } from '../../../core/types.ts'
import { UNAVAILABLE, Unfit } from '../../../core/types.ts'
import { column, commit, event, table } from '../../support/events.ts'
import { KINDS } from './arbitraries.ts'
import { avroEncoder, encode, jsonEncoder } from './encoding.ts'
import { FakeRegistry } from './fake-registry.ts'

// The golden files under schemas/golden show what the bytes are. They never change within a major version:
// consumers depend on them. `node test/unit/schemas/write-golden.ts` writes new ones, for a new column kind.

const TABLE = table('every_kind', {
  columns: [
    column('id', { kind: 'long' }),
    ...KINDS.map(kind => column(`a_${kind}`, { kind })),
    column('a_decimal', { kind: 'decimal', precision: 20, scale: 4 }),
  ],
})

const ROW = [
  42,
  true,
  -7,
  2n ** 63n - 1n,
  1.5,
  -0.1,
  'Grüße, 世界 😀',
  new Uint8Array([0, 1, 254, 255]),
  '0b8a62e4-31f2-4a1c-9d0c-000000000001',
  '{"a": 1.0}',
  20_778,
  36_000_123_456,
  1_795_255_200_123_456,
  -1,
  '-1234567890123456.7890',
]

/** Kinds that came later have files of their own, beside those that stay as they are. */
const COMPOSED_TABLE = table('composed_kinds', {
  columns: [
    column('id', { kind: 'long' }),
    column('a_bits', { kind: 'bits', length: 12 }),
    column('a_geometry', { kind: 'geometry', srid: null }),
    column('a_place', { kind: 'geometry', srid: 4326 }),
    column('a_map', { kind: 'map' }),
    column('a_vector', { kind: 'vector' }),
    column('an_array', { kind: 'array', items: { kind: 'decimal', precision: 9, scale: 2 } }),
    column('nested', { kind: 'array', items: { kind: 'array', items: { kind: 'string' } } }),
  ],
})

const COMPOSED_ROW: Row = [
  7,
  new Uint8Array([0x0a, 0xbc]),
  Buffer.from('0101000000000000000000f03f0000000000000040', 'hex'),
  Buffer.from('0101000020e6100000000000000000f03f0000000000000040', 'hex'),
  new Map([
    ['a', '1'],
    ['b', null],
  ]),
  [1, -2.5],
  ['1.50', null],
  [['x', null], [], null],
]

const COMMIT = commit(0x16b3748, { timeUs: 1_795_255_200_123_456, source: { txId: 7431, xmin: null } })

const EVENTS: Readonly<Record<string, ChangeEvent>> = {
  insert: event(TABLE, ROW, { commit: COMMIT, logPosition: 23_803_720 }),
  update: event(TABLE, [42, ...ROW.slice(1).map((): Value => UNAVAILABLE)], {
    op: 'u',
    before: [42, ...ROW.slice(1).map(() => null)],
    commit: COMMIT,
    ordinal: 1,
    tableOrdinal: 1,
    logPosition: 23_803_999,
  }),
  'composed.insert': event(COMPOSED_TABLE, COMPOSED_ROW, { commit: COMMIT }),
  'composed.update': event(COMPOSED_TABLE, [7, ...COMPOSED_ROW.slice(1).map((): Value => UNAVAILABLE)], {
    op: 'u',
    before: [7, ...COMPOSED_ROW.slice(1, -1).map(() => null), new Unfit('{{1,"a b"},{NULL,é}}')],
    commit: COMMIT,
    ordinal: 1,
    tableOrdinal: 1,
  }),
}

/** Its position is beyond what a double holds. */
const MESSAGE = event(
  table('', {
    schema: '',
    columns: [column('prefix'), column('content', { kind: 'bytes' })],
  }),
  ['outbox é', new Uint8Array([0, 1, 254, 255])],
  { op: 'm', commit: COMMIT, ordinal: 2, logPosition: 2n ** 63n - 1n },
)

/** File names and their contents. */
export async function goldenFiles(): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {}
  const registry = new FakeRegistry()
  const avro = avroEncoder(registry, { transactions: true })
  const json = jsonEncoder({ transactions: true })
  for (const [name, change] of Object.entries(EVENTS)) {
    const [inAvro] = (await encode(avro, change)) as [OutRecord]
    const [inJson] = (await encode(json, change)) as [OutRecord]
    files[`${name}.key.hex`] = hex(inAvro.key)
    files[`${name}.value.hex`] = hex(inAvro.value)
    files[`${name}.headers.json`] = JSON.stringify(inAvro.headers ?? {})
    files[`${name}.key.json`] = String(inJson.key)
    files[`${name}.value.json`] = String(inJson.value)
    const schema = name.startsWith('composed.') ? 'composed.' : ''
    files[`${schema}key.avsc`] = JSON.stringify(registry.schemaOf(inAvro.key as Uint8Array))
    files[`${schema}value.avsc`] = JSON.stringify(registry.schemaOf(inAvro.value as Uint8Array))
  }
  return { ...files, ...(await goldenMessage()) }
}

async function goldenMessage(): Promise<Readonly<Record<string, string>>> {
  const registry = new FakeRegistry()
  const [inAvro] = (await encode(avroEncoder(registry, { transactions: true }), MESSAGE)) as [OutRecord]
  const [inJson] = (await encode(jsonEncoder({ transactions: true }), MESSAGE)) as [OutRecord]
  return {
    'message.key.hex': hex(inAvro.key),
    'message.value.hex': hex(inAvro.value),
    'message.key.json': String(inJson.key),
    'message.value.json': String(inJson.value),
    'message.key.avsc': JSON.stringify(registry.schemaOf(inAvro.key as Uint8Array)),
    'message.value.avsc': JSON.stringify(registry.schemaOf(inAvro.value as Uint8Array)),
  }
}

const hex = (bytes: Uint8Array | null): string => Buffer.from(bytes as Uint8Array).toString('hex')
