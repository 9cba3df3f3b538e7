import type { CommittedRecord } from '../../core/sinks/kafka/reader.ts'
import type { Decoded, DecodedMessage, Fields } from '../../schemas/index.ts'

/** One JSON line for pipes; bytes as base64, integers beyond 2^53, NaN and infinities as text. */
export function jsonLine(record: CommittedRecord, message: DecodedMessage): string {
  const { topic, partition, offset, timestampMs } = record
  const { kind, key, event, unavailable, unavailableTexts } = message
  const timestamp = new Date(timestampMs).toISOString()
  const line = { topic, partition, offset, timestamp, kind, key, event, unavailable }
  const hasTexts = Object.keys(unavailableTexts).length > 0
  return JSON.stringify(hasTexts ? { ...line, unavailableTexts } : line, plainValue)
}

/** Buffers come here as what their toJSON makes of them. */
function plainValue(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value &&
    // A map of texts may have these names too, but no array.
    Array.isArray(value.data)
  ) {
    return Buffer.from(value.data as number[]).toString('base64')
  }
  return value
}

const OPERATIONS = { c: 'create', u: 'update', d: 'delete', r: 'read', t: 'truncate', m: 'message' } as const

/** One line for people: where, when, what, which row, and what has changed in it. */
export function textLine(record: CommittedRecord, message: DecodedMessage): string {
  const place = `${record.topic}/${record.partition}@${record.offset}`
  const time = new Date(record.timestampMs).toISOString()
  const key = message.key ? fieldsText(message.key) : '-'
  if (message.event === null) return `${place}  ${time}  tombstone  ${key}`
  const { op, before, after, message: told } = message.event
  // A value that its field's type cannot hold stands in the row as null: here it is shown as the server has it.
  const { unavailableTexts, unavailableBeforeTexts } = message
  const said = told
    ? valueText(told.content)
    : changeText(
        before && { ...before, ...unavailableBeforeTexts },
        after && { ...after, ...unavailableTexts },
      )
  return `${place}  ${time}  ${OPERATIONS[op].padEnd(8)}  ${key}  ${said}`.trimEnd()
}

function changeText(before: Fields | null, after: Fields | null): string {
  if (!after) return ''
  if (!before) return fieldsText(after)
  const changed = Object.entries(after).filter(
    ([name, value]) => valueText(value) !== valueText(before[name]),
  )
  return changed
    .map(([name, value]) => `${name}: ${valueText(before[name])} -> ${valueText(value)}`)
    .join(', ')
}

const fieldsText = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${valueText(value)}`)
    .join(' ')

function valueText(value: Decoded | undefined): string {
  return Buffer.isBuffer(value) ? `0x${value.toString('hex')}` : (JSON.stringify(value, plainValue) ?? 'null')
}

/** Whether a record's key is the one asked for: the one value of a key of one column, or the key as JSON. */
export function keyIs(key: Fields | null, wanted: string): boolean {
  if (key === null) return false
  const values = Object.values(key)
  return (
    (values.length === 1 && String(values[0]) === wanted) ||
    sortedText(key) === sortedText(parsedObject(wanted))
  )
}

/** The same for objects with the same entries, in whatever order. */
const sortedText = (fields: object | null) =>
  fields && JSON.stringify(Object.entries(fields).toSorted(), plainValue)

function parsedObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' ? value : null
  } catch {
    return null
  }
}
