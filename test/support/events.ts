import type { ChangeBatch, ChangeEvent, Column, Commit, Op, OutRecord, Row, Table } from '../../core/types.ts'

// Builders: a test names what it is about, and the rest is filled in.

export const column = (name: string, type: Column['type'] = { kind: 'string' }): Column => ({
  name,
  type,
  nativeType: type.kind,
})

export const table = (name: string, parts: Partial<Table> = {}): Table => ({
  database: 'shop',
  schema: 'public',
  name,
  columns: [column('id', { kind: 'int' }), column('name')],
  key: [0],
  deferrableKey: false,
  ...parts,
})

export const commit = (id: number, parts: Partial<Commit> = {}): Commit => ({
  id: String(id),
  timeUs: 1_700_000_000_000_000 + id,
  coordinate: `0001-${id.toString(16).padStart(16, '0')}`,
  source: {},
  ...parts,
})

export const event = (of: Table, after: Row, parts: Partial<ChangeEvent> = {}): ChangeEvent => ({
  table: of,
  op: 'c' as Op,
  before: null,
  after,
  commit: commit(1),
  ordinal: 0,
  tableOrdinal: 0,
  logPosition: 1,
  ...parts,
})

export const at = (position: string) => ({ stream: { position, epoch: 1 } })

export const batch = (position: string, parts: Partial<ChangeBatch> = {}): ChangeBatch => ({
  events: [],
  checkpoint: at(position),
  bytes: 0,
  complete: true,
  ...parts,
})

export const record = (value: string, parts: Partial<OutRecord> = {}): OutRecord => ({
  topic: 't',
  partition: 0,
  key: null,
  value: Buffer.from(value),
  timestampMs: 0,
  ...parts,
})
