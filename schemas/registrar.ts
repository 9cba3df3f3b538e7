import { TributaryError } from '../core/errors.ts'
import type { Table } from '../core/types.ts'
import { BoundedMap } from './bounded-map.ts'
import { describeShape, findConflicts } from './compatibility.ts'
import { keySubject, tableLabel, valueSubject } from './names.ts'
import type { RegistryClient } from './registry.ts'

/** Ids kept, so that a source that begins again does not ask again. */
const KNOWN_IDS = 1000

/** What the registrar needs of a registry. */
export type SchemaVersions = Pick<RegistryClient, 'lookup' | 'latest' | 'register'>

export interface Registration {
  readonly topic: string
  readonly schema: string
  /** For messages. */
  readonly table: Table
}

/** `schema` is null for a table without a key. */
export interface KeyRegistration extends Omit<Registration, 'schema'> {
  readonly schema: string | null
}

interface Version {
  readonly subject: string
  readonly schema: string
  readonly table: Table
}

/**
 * Registers the schemas of our topics under our rules. The registry's rule holds as well, but cannot be
 * relied on alone: Apicurio's default is none, and no registry knows that keys must never change or that a
 * decimal's scale is part of its value.
 */
export class SchemaRegistrar {
  readonly #client: SchemaVersions
  readonly #ids = new BoundedMap<string, number>(KNOWN_IDS)

  constructor(client: SchemaVersions) {
    this.#client = client
  }

  /**
   * The id of a key's schema, null for a table without one. Key bytes hold the id, so a subject has one version for
   * ever, and a table cannot come by a key or lose it.
   *
   * @throws TributaryError SCHEMA_INCOMPATIBLE when the subject holds another, and what RegistryClient throws
   */
  async registerKey({ topic, schema, table }: KeyRegistration, signal: AbortSignal): Promise<number | null> {
    const subject = keySubject(topic)
    if (schema === null) return this.#assertKeyless({ subject, schema: '"null"', table }, signal)
    return this.#register({ subject, schema, table }, signal, async older => {
      if (older === null && (await this.#client.latest(valueSubject(topic), signal)) === null) return []
      // A worker that is taking over may have registered it since it was looked up, the key before the value.
      if ((await this.#client.lookup(subject, schema, signal)) !== null) return []
      return older === null
        ? ['the table had no key, and rows without one are in the topic']
        : ['the key has changed, and rows with the new one would go to other partitions']
    })
  }

  /** The id of the schema whose values are all null. */
  registerNull(subject: string, signal: AbortSignal): Promise<number> {
    return this.#client.register(subject, '"null"', signal)
  }

  /**
   * The id of a value's schema: readers with the new shape must understand records of the one before.
   *
   * @throws TributaryError SCHEMA_INCOMPATIBLE when they would not, or the registry says so, and what
   * RegistryClient throws
   */
  registerValue({ topic, schema, table }: Registration, signal: AbortSignal): Promise<number> {
    return this.#register({ subject: valueSubject(topic), schema, table }, signal, async older =>
      older === null ? [] : findConflicts(older, schema),
    )
  }

  async #assertKeyless(version: Version, signal: AbortSignal): Promise<null> {
    const older = await this.#client.latest(version.subject, signal)
    if (older === null) return null
    throw incompatible(version, older.schema, { reason: 'the table has no key any more' })
  }

  async #register(
    registration: Version,
    signal: AbortSignal,
    conflictsWith: (older: string | null) => Promise<readonly string[]>,
  ): Promise<number> {
    const { subject, schema } = registration
    const known = `${subject} ${schema}`
    const id =
      this.#ids.get(known) ??
      (await this.#client.lookup(subject, schema, signal)) ??
      (await this.#addVersion(registration, signal, conflictsWith))
    this.#ids.set(known, id)
    return id
  }

  async #addVersion(
    registration: Version,
    signal: AbortSignal,
    conflictsWith: (older: string | null) => Promise<readonly string[]>,
  ): Promise<number> {
    const { subject, schema } = registration
    const older = await this.#client.latest(subject, signal)
    const conflicts = await conflictsWith(older?.schema ?? null)
    if (conflicts.length > 0) {
      throw incompatible(registration, older?.schema ?? '"null"', { reason: conflicts.join('; ') })
    }
    try {
      return await this.#client.register(subject, schema, signal)
    } catch (error) {
      const isRefusal = error instanceof TributaryError && error.code === 'SCHEMA_INCOMPATIBLE'
      if (!isRefusal || older === null) throw error
      throw incompatible(registration, older.schema, { reason: error.message, cause: error })
    }
  }
}

function incompatible(
  { subject, schema, table }: Version,
  older: string,
  { reason, cause }: { readonly reason: string; readonly cause?: unknown },
): TributaryError {
  return new TributaryError(
    'SCHEMA_INCOMPATIBLE',
    `Table ${tableLabel(table)}, subject ${subject}: ${reason}. ` +
      `Before: (${describeShape(older)}); now: (${describeShape(schema)}).`,
    { cause },
  )
}
