import { TributaryError } from '../core/errors.ts'
import { type AvroReader, compileReader, type Decoded, type Fields } from './avro-reader.ts'
import { BoundedMap } from './bounded-map.ts'
import type { Coordinate } from './coordinate.ts'
import {
  UNAVAILABLE_BEFORE_HEADER,
  UNAVAILABLE_BEFORE_TEXT_HEADER,
  UNAVAILABLE_HEADER,
  UNAVAILABLE_TEXT_HEADER,
} from './envelope.ts'
import { RegistryClient, type RegistryOptions } from './registry.ts'

/** A message as every Kafka client hands it over (kafkajs: the `message` of `eachMessage`). */
export interface KafkaMessage {
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, HeaderValue | readonly HeaderValue[] | undefined>> | undefined
}

type HeaderValue = Buffer | string

/** Where a change comes from. The fields that only one kind of database has stand beside these. */
export interface EventSource {
  readonly version: string
  /** `postgresql`, ... */
  readonly connector: string
  /** The connector's name in its file. */
  readonly name: string
  /**
   * Commit time in the database since 1970-01-01 UTC, in milliseconds, microseconds and nanoseconds. The last
   * is text: as a bigint it would make JSON.stringify fail on every event.
   */
  readonly ts_ms: number
  readonly ts_us: number
  readonly ts_ns: string
  /** `false`, or `true` for rows read by a snapshot. */
  readonly snapshot: string
  readonly db: string
  readonly sequence: Coordinate
  readonly [field: string]: Decoded
}

export interface MessageBlock {
  readonly prefix: string
  /** Of `format: json`: base64 text. */
  readonly content: Buffer | string
}

export interface TransactionBlock {
  readonly id: string
  /** Place in the transaction, from 1. */
  readonly total_order: number
  /** Place among the transaction's events of this table, from 1. */
  readonly data_collection_order: number
}

/**
 * One change. Column values: numbers (bigint beyond 2^53: give JSON.stringify a replacer), decimals as exact
 * text, dates and times as ISO 8601 text (or `infinity`), bytes as Buffer, json and uuid as text, arrays as arrays,
 * maps as objects. Records of `format: json` have no schema: there, bytes are base64 text and large integers text as
 * well.
 */
export interface DecodedEvent {
  /** `c` create, `u` update, `d` delete, `r` read by a snapshot, `t` truncate, `m` message. */
  readonly op: 'c' | 'u' | 'd' | 'r' | 't' | 'm'
  readonly before: Fields | null
  readonly after: Fields | null
  /** What an application wrote into the log, where `op` is `m`. */
  readonly message?: MessageBlock
  readonly source: EventSource
  readonly transaction: TransactionBlock | null
  /** When the worker handled the event. */
  readonly ts_ms: number | null
  readonly ts_us: number | null
  readonly ts_ns: string | null
  /** Sorts as text in the order of commits: write only what is greater than the coordinate you have. */
  readonly coordinate: Coordinate
}

type Texts = Readonly<Record<string, string>>

interface Common {
  /** Null for a table without a key, and for a truncate. */
  readonly key: Fields | null
  /**
   * Fields of `after` (of `before`, in an event without `after`) that it does not tell: the server did not send them,
   * so leave your copy of them as it is, except for those in `unavailableTexts`.
   */
  readonly unavailable: readonly string[]
  /** The same for `before`, in an event that has both. */
  readonly unavailableBefore: readonly string[]
  /**
   * Those of `unavailable` that the server did send, but whose value has no form in the field's type (NaN in a decimal,
   * an array of two dimensions): the server's text of it.
   */
  readonly unavailableTexts: Texts
  readonly unavailableBeforeTexts: Texts
}

/**
 * `tombstone`: nothing but a sign for Kafka that it may forget the key; the delete before it has told the
 * rest.
 */
export type DecodedMessage =
  | (Common & { readonly kind: 'event' | 'truncate' | 'message'; readonly event: DecodedEvent })
  | (Common & { readonly kind: 'tombstone'; readonly event: null })

export interface DecoderOptions {
  /**
   * The schema registry: its URL, its options, or a client. Not needed when all topics have `format: json`.
   */
  readonly registry?: string | RegistryOptions | SchemaLookup
}

export interface Decoder {
  /**
   * Waits only for a schema not seen before.
   *
   * @throws TributaryError RECORD_UNREADABLE when the bytes are no record of ours or their schema is unknown,
   * REGISTRY_UNREACHABLE when the registry does not answer within its time (a minute, unless set otherwise),
   * REGISTRY_REFUSED when it does not let us in
   */
  decode(message: KafkaMessage): Promise<DecodedMessage>
}

/** What the decoder needs of a registry: a RegistryClient, or anything that knows schemas by their ids. */
export type SchemaLookup = Pick<RegistryClient, 'schemaById'>

/** Schemas kept compiled. */
const KNOWN_SCHEMAS = 1000

const GIVE_UP_AFTER_MS = 60_000

const MAGIC = 0
const HEADER_BYTES = 5
const OPEN_BRACE = 0x7b
const NONE: readonly string[] = Object.freeze([])
const NO_TEXTS: Texts = Object.freeze({})
const NOTHING_MISSING = {
  unavailable: NONE,
  unavailableBefore: NONE,
  unavailableTexts: NO_TEXTS,
  unavailableBeforeTexts: NO_TEXTS,
}

/** Reads the records of change topics, Avro and JSON alike, whatever client they were consumed with. */
export function createDecoder(options: DecoderOptions = {}): Decoder {
  return new RecordDecoder(clientOf(options.registry))
}

class RecordDecoder implements Decoder {
  readonly #client: SchemaLookup | null
  readonly #readers = new BoundedMap<number, AvroReader>(KNOWN_SCHEMAS)
  /** Schemas on their way, so that messages decoded at the same time ask once. */
  readonly #loading = new Map<number, Promise<AvroReader>>()

  constructor(client: SchemaLookup | null) {
    this.#client = client
  }

  async decode(message: KafkaMessage): Promise<DecodedMessage> {
    const value = message.value === null ? null : await this.#fields(message.value)
    const event = value && eventOf(value)
    // The key of a truncate says nothing; compacted topics want one.
    const key = message.key === null || event?.op === 't' ? null : await this.#fields(message.key)
    if (event === null) {
      return { kind: 'tombstone', key, event, ...NOTHING_MISSING }
    }
    return {
      kind: event.op === 't' ? 'truncate' : event.op === 'm' ? 'message' : 'event',
      key,
      event,
      unavailable: listOf(message, UNAVAILABLE_HEADER),
      unavailableBefore: listOf(message, UNAVAILABLE_BEFORE_HEADER),
      unavailableTexts: textsOf(message, UNAVAILABLE_TEXT_HEADER),
      unavailableBeforeTexts: textsOf(message, UNAVAILABLE_BEFORE_TEXT_HEADER),
    }
  }

  #fields(bytes: Buffer): Fields | Promise<Fields> {
    return this.#read(bytes) ?? this.#load(bytes)
  }

  /** Undefined when the schema has to be fetched first. */
  #read(bytes: Buffer): Fields | undefined {
    if (bytes[0] === OPEN_BRACE) return parseObject(bytes)
    const reader = this.#readers.get(schemaIdOf(bytes))
    return reader && readRecord(reader, bytes)
  }

  async #load(bytes: Buffer): Promise<Fields> {
    const id = schemaIdOf(bytes)
    const loading = this.#loading.get(id) ?? this.#fetch(id).finally(() => this.#loading.delete(id))
    this.#loading.set(id, loading)
    return readRecord(await loading, bytes)
  }

  async #fetch(id: number): Promise<AvroReader> {
    if (this.#client === null) {
      const message = `A record has a schema (id ${id}), and no registry is given to read it from.`
      throw new TributaryError('CONFIG_INVALID', message)
    }
    const text = await this.#client.schemaById(id)
    if (text === null) throw unreadable(`its schema, id ${id}, is not in the registry`)
    try {
      const reader = compileReader(text)
      this.#readers.set(id, reader)
      return reader
    } catch (cause) {
      throw unreadable(`its schema, id ${id}, is none of ours`, cause)
    }
  }
}

function clientOf(registry: DecoderOptions['registry']): SchemaLookup | null {
  if (registry === undefined) return null
  if (typeof registry === 'object' && 'schemaById' in registry) return registry
  const options = typeof registry === 'string' ? { url: registry } : registry
  return new RegistryClient({ giveUpAfterMs: GIVE_UP_AFTER_MS, ...options })
}

function schemaIdOf(bytes: Buffer): number {
  if (bytes.length < HEADER_BYTES) throw unreadable(`it has only ${bytes.length} bytes`)
  if (bytes[0] !== MAGIC) throw unreadable('it begins neither as Avro with a schema id nor as JSON')
  return bytes.readUInt32BE(1)
}

function readRecord(reader: AvroReader, bytes: Buffer): Fields {
  try {
    return reader(bytes, HEADER_BYTES)
  } catch (cause) {
    throw unreadable(`it does not follow its schema, id ${bytes.readUInt32BE(1)}`, cause)
  }
}

function parseObject(bytes: Buffer): Fields {
  try {
    return JSON.parse(bytes.toString()) as Fields
  } catch {
    // Without the parser's error as the cause: it quotes the text, and that holds row values.
    throw unreadable('it begins as JSON, but is none')
  }
}

function eventOf(fields: Fields): DecodedEvent {
  const { op, before = null, after = null, message, source, transaction, ts_ms, ts_us, ts_ns } = fields
  const isEnvelope = typeof op === 'string' && typeof source === 'object' && source !== null
  if (!isEnvelope || !('sequence' in source)) throw unreadable('it is no change event')
  // Nobody else holds this object yet, and a copy would cost as much as the rest of this function.
  const fresh = source as Record<string, Decoded>
  fresh.ts_ns = nanosecondsOf(fresh.ts_ns)
  return {
    op,
    before,
    after,
    ...(message === undefined ? {} : { message }),
    source,
    transaction,
    ts_ms,
    ts_us,
    ts_ns: nanosecondsOf(ts_ns),
    coordinate: source.sequence,
  } as unknown as DecodedEvent
}

/** In JSON they are text already. */
function nanosecondsOf(value: Decoded | undefined): string | null {
  return value === null || value === undefined ? null : String(value)
}

function listOf({ headers }: KafkaMessage, name: string): readonly string[] {
  const value = headers?.[name]
  return value === undefined ? NONE : String(value).split(',')
}

/** Nearly always none. */
function textsOf({ headers }: KafkaMessage, name: string): Texts {
  const value = headers?.[name]
  if (value === undefined) return NO_TEXTS
  try {
    return JSON.parse(String(value)) as Texts
  } catch {
    // Without the parser's error as the cause: it quotes the text, and that holds row values.
    throw unreadable(`its header ${name} is no JSON`)
  }
}

function unreadable(reason: string, cause?: unknown): TributaryError {
  return new TributaryError('RECORD_UNREADABLE', `A record cannot be read: ${reason}.`, { cause })
}
