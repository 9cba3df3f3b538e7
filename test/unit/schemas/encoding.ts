import type { ChangeEvent, Encoder, OutRecord, Table } from '../../../core/types.ts'
import { createEncoder, type EncoderOptions } from '../../../schemas/records.ts'
import { batch } from '../../support/events.ts'
import { FakeRegistry } from './fake-registry.ts'

export const NOW_MS = 1_795_600_000_200

type Changes = Partial<Omit<EncoderOptions, 'format' | 'registry'>>

const common = (changes: Changes) => ({
  connector: 'postgresql' as const,
  name: 'shop',
  version: '1.2.3',
  prefix: 'shop',
  tombstones: true,
  transactions: false,
  ensureTopic: async () => 4,
  hashKey: (_: Uint8Array, start: number, end: number) => end - start,
  now: () => NOW_MS,
  ...changes,
})

export const avroEncoder = (registry = new FakeRegistry(), changes: Changes = {}): Encoder =>
  createEncoder({ format: 'avro', registry, ...common(changes) })

export const jsonEncoder = (changes: Changes = {}): Encoder =>
  createEncoder({ format: 'json', ...common(changes) })

/** Prepares and encodes. */
export async function encode(encoder: Encoder, ...events: ChangeEvent[]): Promise<OutRecord[]> {
  const changes = batch('1', { events })
  await encoder.prepare(changes, new AbortController().signal)
  return encoder.encode(changes)
}

export const rename = (table: Table, name: string): Table => ({ ...table, name })
