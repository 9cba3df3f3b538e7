import { PackedRecord } from '../core/packed-record.ts'
import type { ChangeBatch, ChangeEvent, Encoder, OutRecord, Table } from '../core/types.ts'
import { createAvroFormat } from './avro-format.ts'
import {
  type ConnectorKind,
  UNAVAILABLE_BEFORE_HEADER,
  UNAVAILABLE_BEFORE_TEXT_HEADER,
  UNAVAILABLE_HEADER,
  UNAVAILABLE_TEXT_HEADER,
} from './envelope.ts'
import type { Format, TableEncoder } from './format.ts'
import { createJsonFormat } from './json.ts'
import { MESSAGE_TOPIC } from './messages.ts'
import { TopicNames } from './names.ts'
import { SchemaRegistrar, type SchemaVersions } from './registrar.ts'

interface CommonOptions {
  /** The kind of database, for `source.connector` and the fields that only it has. */
  readonly connector: ConnectorKind
  /** The connector's name in its file, and the version of this program, for `source`. */
  readonly name: string
  readonly version: string
  /** Topics are `PREFIX.SCHEMA.TABLE`. */
  readonly prefix: string
  /** Whether a delete is followed by a tombstone, so that compaction forgets the key. */
  readonly tombstones: boolean
  /** Whether events carry a `transaction` block. */
  readonly transactions: boolean
  /** Makes the topic if it is missing; resolves to its partition count. Called once a topic. */
  readonly ensureTopic: (topic: string, table: Table) => Promise<number>
  /** Of a key in `bytes`, not negative: modulo the topic's partitions it is the record's. */
  readonly hashKey: (bytes: Uint8Array, start: number, end: number) => number
  /** Milliseconds since 1970-01-01 UTC; read once a batch. */
  readonly now: () => number
}

export type EncoderOptions = CommonOptions &
  ({ readonly format: 'avro'; readonly registry: SchemaVersions } | { readonly format: 'json' })

/** What is known of a table once it has been prepared. */
interface Target {
  readonly topic: string
  readonly partitions: number
  readonly encoder: TableEncoder
}

/** Turns events into records of the topics: see the event format in the documentation. */
export function createEncoder(options: EncoderOptions): Encoder {
  return new RecordEncoder(options)
}

class RecordEncoder implements Encoder {
  readonly #options: EncoderOptions
  readonly #format: Format
  readonly #names: TopicNames
  /** Counted once a topic: keys must not move while we run. */
  readonly #partitions = new Map<string, number>()
  /** Shapes come and go: one that no event refers to any more must not be kept. */
  readonly #targets = new WeakMap<Table, Target>()
  #truncateKey: Buffer | null = null

  constructor(options: EncoderOptions) {
    this.#options = options
    this.#format = createFormat(options)
    this.#names = new TopicNames(options.prefix)
  }

  prepare(batch: ChangeBatch, signal: AbortSignal): Promise<void> | void {
    let last: Table | null = null
    for (const { op, table } of batch.events) {
      if (table === last && op !== 't') continue
      const isReady = this.#targets.has(table) && (op !== 't' || this.#truncateKey !== null)
      if (!isReady) return this.#prepareAll(batch, signal)
      last = table
    }
  }

  /** One after the other: the versions of a subject are to stand in the order of the log. */
  async #prepareAll(batch: ChangeBatch, signal: AbortSignal): Promise<void> {
    for (const { op, table } of batch.events) {
      if (!this.#targets.has(table)) {
        const target = op === 'm' ? this.#openMessages(table, signal) : this.#open(table, signal)
        this.#targets.set(table, await target)
      }
      if (op === 't') this.#truncateKey ??= await this.#format.openTruncateKey(signal)
    }
  }

  async #open(table: Table, signal: AbortSignal): Promise<Target> {
    const topic = this.#names.topicOf(table)
    const partitions = this.#partitions.get(topic) ?? (await this.#options.ensureTopic(topic, table))
    this.#partitions.set(topic, partitions)
    const encoder = await this.#format.open(table, topic, signal)
    return { topic, partitions, encoder }
  }

  /** Each message counts, so that their topic is one that keeps all records, although they have keys. */
  async #openMessages(table: Table, signal: AbortSignal): Promise<Target> {
    const topic = `${this.#options.prefix}.${MESSAGE_TOPIC}`
    const partitions = await this.#options.ensureTopic(topic, { ...table, key: [] })
    return { topic, partitions, encoder: await this.#format.openMessages(table, topic, signal) }
  }

  encode(batch: ChangeBatch): OutRecord[] {
    const records: OutRecord[] = []
    this.#format.begin(this.#options.now())
    let table: Table | null = null
    let target: Target | undefined
    for (const event of batch.events) {
      if (event.table !== table) {
        table = event.table
        target = this.#targets.get(table)
      }
      if (target === undefined) throw new Error('A batch must be prepared before it is encoded.')
      if (event.op === 't') this.#addTruncate(records, event, target)
      else this.#addRow(records, event, target)
    }
    this.#format.end()
    return records
  }

  release(batches: number): void {
    this.#format.release(batches)
  }

  #addRow(records: OutRecord[], event: ChangeEvent, target: Target): void {
    const { topic, partitions, encoder } = target
    const timestampMs = Math.floor(event.commit.timeUs / 1000)
    const { bytes, start, keyLength, valueLength } = encoder.encode(event)
    const hasKey = keyLength >= 0
    const partition = hasKey ? this.#options.hashKey(bytes, start, start + keyLength) % partitions : 0
    const headers = headersOf(event, encoder)
    records.push(
      new PackedRecord({ topic, partition, headers, timestampMs, bytes, start, keyLength, valueLength }),
    )
    if (event.op === 'd' && hasKey && this.#options.tombstones) {
      const tombstone = { topic, partition, headers: undefined, timestampMs, bytes, start, keyLength }
      records.push(new PackedRecord({ ...tombstone, valueLength: -1 }))
    }
  }

  /** To every partition, so that each reader of some of them learns of it in its place. */
  #addTruncate(records: OutRecord[], event: ChangeEvent, target: Target): void {
    const { topic, partitions, encoder } = target
    const timestampMs = Math.floor(event.commit.timeUs / 1000)
    const key = event.table.key.length > 0 ? this.#truncateKey : null
    const { bytes, start, valueLength } = encoder.encode(event)
    const value = bytes.subarray(start, start + valueLength)
    for (let partition = 0; partition < partitions; partition++) {
      records.push({ topic, partition, key, value, timestampMs })
    }
  }
}

function createFormat(options: EncoderOptions): Format {
  const { connector, name, version, prefix, transactions } = options
  const publisher = { connector, name, version }
  return options.format === 'json'
    ? createJsonFormat({ publisher, transactions })
    : createAvroFormat({
        publisher,
        transactions,
        prefix,
        registrar: new SchemaRegistrar(options.registry),
      })
}

function headersOf(event: ChangeEvent, encoder: TableEncoder): Record<string, string> | undefined {
  const { missingBefore, missingAfter } = encoder
  if (missingBefore === null && missingAfter === null) return undefined
  const headers: Record<string, string> = {}
  const isDelete = event.after === null
  const missing = isDelete ? missingBefore : missingAfter
  if (missing !== null) {
    headers[UNAVAILABLE_HEADER] = missing.fields
    if (missing.texts !== null) headers[UNAVAILABLE_TEXT_HEADER] = missing.texts
  }
  if (missingBefore !== null && !isDelete) {
    headers[UNAVAILABLE_BEFORE_HEADER] = missingBefore.fields
    if (missingBefore.texts !== null) headers[UNAVAILABLE_BEFORE_TEXT_HEADER] = missingBefore.texts
  }
  return headers
}
