import type { Table } from '../../core/types.ts'
import { createEncoder } from '../../schemas/records.ts'

const TABLE: Table = {
  database: 'shop',
  schema: 'public',
  name: 'orders',
  columns: [
    { name: 'id', type: { kind: 'long' }, nativeType: 'bigint' },
    { name: 'status', type: { kind: 'string' }, nativeType: 'text' },
    { name: 'total', type: { kind: 'decimal', precision: 12, scale: 2 }, nativeType: 'numeric(12,2)' },
    { name: 'placed_at', type: { kind: 'timestamp' }, nativeType: 'timestamptz' },
  ],
  key: [0],
  deferrableKey: false,
}

const COMMIT = {
  id: '734',
  timeUs: 1_795_262_400_123_456,
  coordinate: '0001-00000000016b3748',
  source: { txId: 734, xmin: null },
}

/** What the encoder makes of an update, as JSON on several lines. */
export async function exampleEvent(): Promise<string> {
  const encoder = createEncoder({
    format: 'json',
    connector: 'postgresql',
    name: 'shop',
    version: '0.1.0',
    prefix: 'shop',
    tombstones: true,
    transactions: false,
    ensureTopic: async () => 1,
    hashKey: () => 0,
    now: () => 1_795_262_400_135,
  })
  const placedAt = 1_795_262_399_000_000
  const batch = {
    events: [
      {
        table: TABLE,
        op: 'u' as const,
        before: [1001, 'new', '37.50', placedAt],
        after: [1001, 'paid', '37.50', placedAt],
        commit: COMMIT,
        ordinal: 0,
        tableOrdinal: 0,
        logPosition: 0x16b3700,
      },
    ],
    checkpoint: {},
    bytes: 0,
    complete: true,
  }
  await encoder.prepare(batch, new AbortController().signal)
  const [record] = encoder.encode(batch)
  return JSON.stringify(JSON.parse(Buffer.from(record?.value ?? []).toString()), null, 2)
}
