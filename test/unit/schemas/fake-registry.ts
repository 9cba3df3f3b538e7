import type { SchemaLookup } from '../../../schemas/index.ts'
import type { SchemaVersions } from '../../../schemas/registrar.ts'

/** A registry without rules, in memory. */
export class FakeRegistry implements SchemaVersions, SchemaLookup {
  readonly #schemas: string[] = []
  readonly #subjects = new Map<string, string[]>()
  readonly requests: string[] = []

  async lookup(subject: string, schema: string): Promise<number | null> {
    this.requests.push(`lookup ${subject}`)
    return this.#subjects.get(subject)?.includes(schema) ? this.#schemas.indexOf(schema) + 1 : null
  }

  async latest(subject: string): Promise<{ id: number; version: number; schema: string } | null> {
    const versions = this.#subjects.get(subject) ?? []
    const schema = versions.at(-1)
    if (schema === undefined) return null
    return { id: this.#schemas.indexOf(schema) + 1, version: versions.length, schema }
  }

  async register(subject: string, schema: string): Promise<number> {
    this.requests.push(`register ${subject}`)
    this.#subjects.set(subject, [...(this.#subjects.get(subject) ?? []), schema])
    if (!this.#schemas.includes(schema)) this.#schemas.push(schema)
    return this.#schemas.indexOf(schema) + 1
  }

  async schemaById(id: number): Promise<string | null> {
    this.requests.push(`id ${id}`)
    return this.#schemas[id - 1] ?? null
  }

  /** Versions of a subject, oldest first, parsed. */
  versions(subject: string): readonly unknown[] {
    return (this.#subjects.get(subject) ?? []).map(schema => JSON.parse(schema))
  }

  /** The schema that a record was written with. */
  schemaOf(record: Uint8Array): unknown {
    return JSON.parse(this.#schemas[Buffer.from(record).readUInt32BE(1) - 1] as string)
  }
}
