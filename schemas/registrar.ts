import { TributaryError } from '../core/errors.ts'
import type { Table } from '../core/types.ts'
import { BoundedMap } from './bounded-map.ts'
import { describeShape, findConflicts } from './compatibility.ts'
import { tableLabel } from './names.ts'
import type { RegistryClient } from './registry.ts'

/** Ids kept, so that a source that begins again does not ask again. */
const KNOWN_IDS = 1000

/** What the registrar needs of a registry. */
export type SchemaVersions = Pick<RegistryClient, 'lookup' | 'latest' | 'register'>

export interface Registration {
  readonly subject: string
  readonly schema: string
  /** For messages. */
  readonly table: Table
}

/**
 * Registers the schemas of our topics under our rules. The registry's rule holds as well, but cannot be relied on alone: Apicurio's
 * default is none, and no registry knows that keys must never change or that a decimal's scale is part of its value.
 */
export class SchemaRegistrar {
  readonly #client: SchemaVersions
  readonly #ids = new BoundedMap<string, number>(KNOWN_IDS)

  constructor(client: SchemaVersions) {
    this.#client = client
  }

  /**
   * The id of a key's schema. Key bytes hold it, so a subject has one version for ever.
   *
   * @throws TributaryError SCHEMA_INCOMPATIBLE when the subject holds another, and what RegistryClient throws
   */
  registerKey(registration: Registration, signal: AbortSignal): Promise<number> {
    return this.#register(registration, signal, () => [
      'the key has changed, and rows with the new one would go to other partitions',
    ])
  }

  /**
   * The id of a value's schema: readers with the new shape must understand records of the one before.
   *
   * @throws TributaryError SCHEMA_INCOMPATIBLE when they would not, or the registry says so, and what
   * RegistryClient throws
   */
  registerValue(registration: Registration, signal: AbortSignal): Promise<number> {
    return this.#register(registration, signal, older => findConflicts(older, registration.schema))
  }

  async #register(
    registration: Registration,
    signal: AbortSignal,
    conflictsWith: (older: string) => readonly string[],
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
    registration: Registration,
    signal: AbortSignal,
    conflictsWith: (older: string) => readonly string[],
  ): Promise<number> {
    const { subject, schema } = registration
    const older = await this.#client.latest(subject, signal)
    const conflicts = older === null ? [] : conflictsWith(older.schema)
    if (older !== null && conflicts.length > 0) {
      throw incompatible(registration, older.schema, { reason: conflicts.join('; ') })
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
  { subject, schema, table }: Registration,
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
