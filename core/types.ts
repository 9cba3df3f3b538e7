import type { ErrorCode } from './errors.ts'

// The glossary. One word per idea, used everywhere with this meaning.
//
//   source       a database log as a stream of batches; one per connector
//   sink         where records become durable (Kafka, stdout)
//   connector    a source, an encoder and a sink put together by one YAML file
//   table        one version of a table's shape; a changed shape is a new object
//   row          the values of one row, by position, in the order of the table's columns
//   event        one row change (or read, or truncate) with its place in the transaction that made it
//   batch        events handed over together, with the checkpoint that is true once they are durable
//   commit       what the events of one source transaction share
//   coordinate   text that sorts in the order of the source's commits: EPOCH-COMMIT-ORDINAL
//   position     where to resume a log; opaque text to everyone but the connector that wrote it
//   epoch        counts how often positions stopped being comparable (another history, a lost log)
//   checkpoint   named positions, kept together with the events they cover
//   durable      written so that no crash of ours, and no single crash of the sink's, takes it back
//   acknowledge  tell the server that it may forget what is durable
//   snapshot     reading rows that were there before the stream began
//   tombstone    a record with a key and no value: Kafka may forget that key
//   subject      the name under which the registry keeps the versions of one schema
//   record       what the encoder makes of an event: bytes for one partition of one topic

/**
 * `c` create, `u` update, `d` delete, `r` read by a snapshot, `t` truncate; `m` message: what an application wrote into
 * the log. Its `after` is its prefix (string) and content (bytes), and its table has no name.
 */
export type Op = 'c' | 'u' | 'd' | 'r' | 't' | 'm'

/** The server did not send this value. Not null. */
export const UNAVAILABLE: unique symbol = Symbol('unavailable')

/**
 * A value that has no form in its column's type (NaN in a decimal, an array of other dimensions): the server's text
 * of it. Stands for a whole value, never inside another.
 */
export class Unfit {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/**
 * What a column can hold, by `ColumnType.kind`:
 * boolean: boolean; int, float, double, date (days since 1970-01-01): number;
 * long, time, timestamp, localTimestamp (microseconds): number while it is a safe integer, else bigint;
 * decimal: string, exactly `scale` digits behind the point; string, uuid, json: string;
 * bytes, geometry (WKB or EWKB): Uint8Array; bits: Uint8Array, big-endian, zero bits to the left;
 * array: array of items, null among them; vector: array of numbers; map: Map of strings, or null, by name.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Value[]
  | ReadonlyMap<string, string | null>
  | Unfit
  | typeof UNAVAILABLE

export type Row = readonly Value[]

/** Kinds that need no more than their name. */
export type PlainKind =
  | 'boolean'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'string'
  | 'bytes'
  | 'uuid'
  | 'json'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'localTimestamp'
  | 'map'
  | 'vector'

/** How a column's values are represented, whatever database they come from. */
export type ColumnType =
  | { readonly kind: PlainKind }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  /** So many bits, always. */
  | { readonly kind: 'bits'; readonly length: number }
  /** `srid`: where all values of the column have the same. */
  | { readonly kind: 'geometry'; readonly srid: number | null }
  | { readonly kind: 'array'; readonly items: ColumnType }

export interface Column {
  readonly name: string
  readonly type: ColumnType
  /** The type as the server names it, for messages to people: `numeric(10,2)`. */
  readonly nativeType: string
}

/** Never changed: a new shape is a new object, so identity is the schema version. */
export interface Table {
  readonly database: string
  readonly schema: string
  readonly name: string
  readonly columns: readonly Column[]
  /** Indexes into `columns`, in key order; empty: keyless. */
  readonly key: readonly number[]
  /**
   * The key's constraint may be checked at commit only, so two rows can hold one key inside a transaction.
   */
  readonly deferrableKey: boolean
}

/** What the events of one source transaction share. */
export interface Commit {
  /** The transaction's id as the server prints it; empty for a message that is in none. */
  readonly id: string
  /** Commit time in the database, microseconds since 1970-01-01 UTC. */
  readonly timeUs: number
  /** `EPOCH-COMMIT`, lower-case hex of 4 and 16 digits. An event's own is this, `-` and its ordinal in 8. */
  readonly coordinate: string
  /** The fields that only this kind of database has in the event's `source` block, by name. */
  readonly source: Readonly<Record<string, string | number | null>>
}

export interface ChangeEvent {
  readonly table: Table
  readonly op: Op
  readonly before: Row | null
  readonly after: Row | null
  readonly commit: Commit
  /** Place inside the transaction, from 0. */
  readonly ordinal: number
  /** Place among the transaction's events of the same table, from 0. */
  readonly tableOrdinal: number
  /** Where this row stands in the server's log (Postgres: its LSN; MySQL: its position in the file). */
  readonly logPosition: number | bigint
}

export interface CheckpointEntry {
  /** Opaque to everyone but its connector; begins with a format version. */
  readonly position: string
  /** 1 to 65535. */
  readonly epoch: number
}

/** Named entries: `stream`, `snapshot/SCHEMA.TABLE`. */
export type Checkpoint = Readonly<Record<string, CheckpointEntry>>

export interface ChangeBatch {
  /** May be empty: progress without rows. */
  readonly events: readonly ChangeEvent[]
  /** The entries that are true once these events are durable. */
  readonly checkpoint: Checkpoint
  /** Roughly the memory held, in bytes. */
  readonly bytes: number
  /** False when the events are part of one transaction that goes on in the next batch. */
  readonly complete: boolean
}

export type Severity = 'ok' | 'warning' | 'failure'

/** One thing that `check` looked at. */
export interface Finding {
  readonly severity: Severity
  /** What was looked at: `wal_level`, `public.orders`. */
  readonly subject: string
  readonly message: string
  /** The exact statement, command or setting that mends it. */
  readonly fix?: string
  /** A failure's own code, where it has one; else CHECK_FAILED. */
  readonly code?: ErrorCode
  /** The server did not answer. `run` waits for it; `check` reports a failure. */
  readonly isAbsent?: boolean
}

export interface Source {
  /**
   * Called once before the stream, and by `tributary check`. Changes nothing on the server. Every problem at
   * once, each with its fix; rejects only when the server cannot be asked at all.
   */
  check(): Promise<Finding[]>
  /**
   * Called once per source object. The first batch comes as soon as changes are being read, without events if there
   * are none: whatever is committed after it is in the stream. Yields only what it is asked for: not pulling is
   * pausing, and the server's link is kept alive meanwhile. Ends when `signal` aborts. Any failure rejects the pull with a
   * TributaryError, and the caller makes a new source.
   */
  stream(from: Checkpoint, signal: AbortSignal): AsyncIterable<ChangeBatch>
  /** Called after each write: all up to here is durable on our side. Never blocks, never throws. */
  acknowledge(checkpoint: Checkpoint): void
  /** Facts for `/status`: names, positions, lag. No row values. */
  status(): Readonly<Record<string, string | number | boolean | null>>
  /** Called once, at the end, also after a failure. Gives back every connection. */
  close(): Promise<void>
}

export interface OutRecord {
  readonly topic: string
  readonly partition: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Milliseconds since 1970-01-01 UTC. */
  readonly timestampMs: number
}

export interface Encoder {
  /**
   * Called for each batch before `encode`: makes topics and registers schemas of tables not seen before. The
   * only await; a promise only when there is something to wait for. Waits for a registry that is away.
   */
  prepare(batch: ChangeBatch, signal: AbortSignal): Promise<void> | void
  encode(batch: ChangeBatch): OutRecord[]
  /**
   * Called after each write: what `encode` returned for so many batches, the oldest ones, is not looked at any more,
   * and its memory may be used again.
   */
  release(batches: number): void
}

export interface Sink {
  /** Fences any earlier worker of this connector, then reads where it stopped. */
  open(): Promise<Checkpoint>
  /**
   * Called with the last one settled. All or nothing; order kept per partition. After a rejection the sink is
   * of no more use: close it and make a new one.
   */
  write(records: readonly OutRecord[], checkpoint: Checkpoint): Promise<void>
  close(): Promise<void>
}
