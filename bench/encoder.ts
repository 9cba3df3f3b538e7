// How many inserts a second one core encodes: our generated encoder, avsc and JSON, on a table of 12 columns
// whose values take about 260 bytes. `node bench/encoder.ts`, ten seconds. No server is needed.

import avsc from 'avsc'
import type { ChangeEvent, Column, ColumnType, Commit, PlainKind, Table } from '../core/types.ts'
import { envelopeSchemaText } from '../schemas/avro.ts'
import { createAvroFormat } from '../schemas/avro-format.ts'
import { formatCoordinate } from '../schemas/coordinate.ts'
import { createDecoder } from '../schemas/decoder.ts'
import { createJsonFormat } from '../schemas/json.ts'
import { createEncoder } from '../schemas/records.ts'

const BATCH = 512
const ROUND_MS = 1000

const COLUMNS: readonly [name: string, kind: PlainKind | 'decimal'][] = [
  ['id', 'long'],
  ['customer_id', 'long'],
  ['status', 'string'],
  ['quantity', 'int'],
  ['price', 'decimal'],
  ['discount', 'double'],
  ['is_paid', 'boolean'],
  ['reference', 'uuid'],
  ['email', 'string'],
  ['ordered_on', 'date'],
  ['created_at', 'timestamp'],
  ['note', 'string'],
]

const table: Table = {
  database: 'shop',
  schema: 'public',
  name: 'orders',
  columns: COLUMNS.map(([name, kind]): Column => {
    const type: ColumnType = kind === 'decimal' ? { kind, precision: 10, scale: 2 } : { kind }
    return { name, type, nativeType: kind }
  }),
  key: [0],
  deferrableKey: false,
}

const topic = 'shop.public.orders'
const publisher = { connector: 'postgresql', name: 'shop', version: '1.0.0' } as const

function insertsOf(commit: Commit): ChangeEvent[] {
  return Array.from({ length: BATCH }, (_, ordinal) => ({
    table,
    op: 'c',
    before: null,
    after: [
      1_000_000 + ordinal,
      ordinal % 1000,
      ['new', 'paid', 'shipped', 'returned'][ordinal % 4] as string,
      ordinal % 50,
      `${ordinal}.${10 + (ordinal % 90)}`,
      ordinal / 7,
      ordinal % 2 === 0,
      `0b8a62e4-31f2-4a1c-9d0c-${(1e11 + ordinal).toString().padStart(12, '0')}`,
      `customer${ordinal}@example.com`,
      20_000 + ordinal,
      1_795_600_000_000_000 + ordinal,
      `Order ${ordinal}: leave with the neighbour`,
    ],
    commit,
    ordinal,
    tableOrdinal: ordinal,
    logPosition: 123_456_789_000 + ordinal * 300,
  }))
}

const commit: Commit = {
  id: '7431',
  timeUs: 1_795_600_000_123_456,
  coordinate: '0001-0000001cbe991a14',
  source: { txId: 7431, xmin: null },
}
const events = insertsOf(commit)
/** The same rows, each in a transaction of its own. */
const singles = events.map(event => ({ ...event, commit: { ...commit }, ordinal: 0, tableOrdinal: 0 }))

/** What avsc wants: objects with the decimal as bytes. Made beforehand, so only its encoding is measured. */
function envelopeOf(event: ChangeEvent): object {
  const after = Object.fromEntries(COLUMNS.map(([name], index) => [name, event.after?.[index]]))
  after.price = Buffer.from([1, 2, 3])
  return {
    before: null,
    after,
    source: {
      ...publisher,
      ts_ms: 1_795_600_000_123,
      ts_us: commit.timeUs,
      ts_ns: commit.timeUs,
      snapshot: 'false',
      db: table.database,
      sequence: formatCoordinate(commit.coordinate, event.ordinal),
      schema: table.schema,
      table: table.name,
      txId: 7431,
      lsn: event.logPosition,
      xmin: null,
    },
    transaction: null,
    op: 'c',
    ts_ms: 1_795_600_000_200,
    ts_us: 1_795_600_000_200_000,
    ts_ns: commit.timeUs,
  }
}

/** Best of five rounds after a warm-up, in events a second. */
async function rate(encodeBatch: () => unknown): Promise<number> {
  let best = 0
  for (let round = 0; round < 6; round++) {
    const start = performance.now()
    let batches = 0
    while (performance.now() - start < ROUND_MS / 5) {
      const pending = encodeBatch()
      if (pending instanceof Promise) await pending
      batches++
    }
    if (round > 0) best = Math.max(best, (batches * BATCH * 1000) / (performance.now() - start))
  }
  return best
}

function print(label: string, eventsPerSecond: number): void {
  const thousands = Math.round(eventsPerSecond / 1000).toLocaleString('en')
  console.log(
    `${label.padEnd(44)} ${thousands.padStart(7)} k events/s ${(1e9 / eventsPerSecond).toFixed(0).padStart(6)} ns`,
  )
}

const schemaText = envelopeSchemaText(table, topic, 'postgresql')
const keySchema = JSON.stringify({ type: 'record', name: 'Key', fields: [{ name: 'id', type: 'long' }] })
const registry = {
  lookup: async (subject: string) => (subject.endsWith('-key') ? 1 : 2),
  latest: async () => null,
  register: async () => 2,
  schemaById: async (id: number) => (id === 1 ? keySchema : schemaText),
}
const registrar = { registerKey: async () => 1, registerValue: async () => 2, registerNull: async () => 3 }
const { signal } = new AbortController()

const avro = createAvroFormat({
  publisher,
  transactions: false,
  registrar,
  prefix: 'bench',
})
const avroTable = await avro.open(table, topic, signal)
avro.begin(Date.now())
const packed = avroTable.encode(events[100] as ChangeEvent)
const valueStart = packed.start + packed.keyLength
const value = packed.bytes.subarray(valueStart, valueStart + packed.valueLength)
console.log(`value: ${value.length} bytes, of them ${value.length - 5} Avro`)

print(
  'value, generated encoder',
  await rate(() => {
    for (const event of events) avroTable.encode(event)
  }),
)
print(
  'value, one row a transaction',
  await rate(() => {
    for (const event of singles) avroTable.encode(event)
  }),
)

const encoder = createEncoder({
  format: 'avro',
  ...publisher,
  prefix: 'shop',
  tombstones: true,
  transactions: false,
  registry: registry,
  ensureTopic: async () => 6,
  hashKey: () => 0,
  now: Date.now,
})
const batch = { events, checkpoint: {}, bytes: 0, complete: true }
await encoder.prepare(batch, signal)
print('records (key, value, partition)', await rate(() => encoder.encode(batch)))

const type = avsc.Type.forSchema(JSON.parse(schemaText), { wrapUnions: 'never' })
const envelopes = events.map(envelopeOf)
print(
  'value, avsc toBuffer',
  await rate(() => {
    for (const envelope of envelopes) type.toBuffer(envelope)
  }),
)

const json = await createJsonFormat({ publisher, transactions: false }).open(table, topic, signal)
print(
  'value, JSON',
  await rate(() => {
    for (const event of events) json.encode(event)
  }),
)
print(
  'value, JSON.stringify of a built object',
  await rate(() => {
    for (const envelope of envelopes) Buffer.from(JSON.stringify(envelope))
  }),
)

const decoder = createDecoder({ registry: registry })
print(
  'decode',
  await rate(async () => {
    for (let index = 0; index < BATCH; index++) await decoder.decode({ key: null, value })
  }),
)
