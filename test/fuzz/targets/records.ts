import { UNAVAILABLE } from '../../../core/types.ts'
import { createDecoder } from '../../../schemas/index.ts'
import { column, commit, event, table } from '../../support/events.ts'
import { avroEncoder, encode, jsonEncoder } from '../../unit/schemas/encoding.ts'
import { FakeRegistry } from '../../unit/schemas/fake-registry.ts'
import { CANARY, type Input, type Target } from '../target.ts'
import { HOSTILE_TEXTS } from './hostile.ts'

const THINGS = table('things', {
  columns: [
    column('id', { kind: 'long' }),
    column('name'),
    column('data', { kind: 'bytes' }),
    column('price', { kind: 'decimal', precision: 30, scale: 4 }),
    column('day', { kind: 'date' }),
    column('at', { kind: 'timestamp' }),
    column('clock', { kind: 'time' }),
    column('ratio', { kind: 'double' }),
    column('paid', { kind: 'boolean' }),
    column('document', { kind: 'json' }),
  ],
})
const ROW = [
  2n ** 60n,
  CANARY,
  Buffer.from(CANARY),
  '-12345678901234567890.1234',
  20_000,
  1_795_600_000_123_456,
  86_400_000_000,
  Number.NaN,
  true,
  `{"a":"${CANARY}"}`,
]

/** Records of change topics as consumers read them; the parts are two schemas, key and value. */
export async function recordsTargets(): Promise<Target[]> {
  const known = await avroRecords()
  const sound = createDecoder({ registry: registryOf(known[0] as Input) })
  const header = Buffer.from([0, 0, 0, 0, 2])
  const common = { codes: ['RECORD_UNREADABLE'] as const, isSequence: false, growth: 256 }
  return [
    {
      ...common,
      name: 'Avro records',
      turns: 20,
      corpus: known,
      hostile: HOSTILE_TEXTS.map(text => [...(known[0] as Input).slice(0, 3), Buffer.concat([header, text])]),
      // A schema tells names, and is none of ours once it has a piece of a row in it.
      tellsCanary: ([keySchema, valueSchema]) =>
        [keySchema, valueSchema].some(text => text?.includes(CANARY)),
      read: async input => {
        const [, , key = null, value = null] = input
        const isSound = [0, 1].every(index => known[0]?.[index]?.equals(input[index] as Buffer))
        // Compiling schemas takes longer than all the rest.
        const decoder = isSound ? sound : createDecoder({ registry: registryOf(input) })
        await decoder.decode({ key, value })
      },
    },
    {
      ...common,
      name: 'JSON records',
      turns: 10,
      codes: ['RECORD_UNREADABLE', 'CONFIG_INVALID'],
      corpus: await jsonRecords(),
      hostile: HOSTILE_TEXTS.map(text => [Buffer.from('{}'), text]),
      read: async ([key = null, value = null]) => void (await createDecoder().decode({ key, value })),
    },
  ]
}

const registryOf = (schemas: Input) => ({
  schemaById: async (id: number) => (id === 1 || id === 2 ? String(schemas[id - 1]) : null),
})

const changes = [
  event(THINGS, ROW, { op: 'u', before: ROW, commit: commit(7, { source: { txId: 7, xmin: null } }) }),
  event(
    THINGS,
    ROW.map((value, index) => (index === 0 ? value : index % 2 === 0 ? null : UNAVAILABLE)),
  ),
]

async function avroRecords(): Promise<Input[]> {
  const registry = new FakeRegistry()
  const records = await encode(avroEncoder(registry), ...changes)
  const schemas = [1, 2].map(async id => Buffer.from((await registry.schemaById(id)) ?? ''))
  const [first, second] = await Promise.all(schemas)
  return records.map(({ key, value }) => [first!, second!, Buffer.from(key!), Buffer.from(value!)])
}

async function jsonRecords(): Promise<Input[]> {
  const records = await encode(jsonEncoder(), ...changes)
  return records.map(({ key, value }) => [Buffer.from(key!), Buffer.from(value!)])
}
