import type { ChangeEvent } from '../../../core/types.ts'
import { createEncoder } from '../../../schemas/records.ts'

/** The records of these events in JSON, whole: what consumers get, but for the time of handling. */
export async function encoded(events: readonly ChangeEvent[]): Promise<string[]> {
  const encoder = createEncoder({
    format: 'json',
    connector: 'postgresql',
    name: 'test',
    version: '1',
    prefix: 'test',
    tombstones: true,
    transactions: true,
    ensureTopic: async () => 1,
    hashKey: () => 0,
    now: () => 0,
  })
  const batch = { events, checkpoint: {}, bytes: 0, complete: true }
  await encoder.prepare(batch, new AbortController().signal)
  return encoder
    .encode(batch)
    .map(({ topic, key, value, headers = {} }) =>
      [topic, key, value, JSON.stringify(headers)].map(part => String(part)).join(' '),
    )
}

export interface PublishedRecord {
  readonly op: string
  readonly key: unknown
  readonly before: Readonly<Record<string, unknown>> | null
  readonly after: Readonly<Record<string, unknown>> | null
  readonly headers: unknown
}

/** The same, decoded; without tombstones. */
export async function published(events: readonly ChangeEvent[]): Promise<PublishedRecord[]> {
  const records = await encoded(events)
  return records.flatMap(text => {
    const [, key, rest] = /^\S+ (null|\{.*?\}) (.*)$/s.exec(text) ?? []
    const [, value, headers] = /^(.*) (\{[^{}]*\})$/s.exec(rest ?? '') ?? []
    if (value === undefined || value === 'null') return []
    const { op, before, after } = JSON.parse(value)
    return [{ op, key: JSON.parse(key ?? 'null'), before, after, headers: JSON.parse(headers ?? '{}') }]
  })
}
