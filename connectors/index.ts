import type { z } from 'zod'
import * as postgres from './postgres/index.ts'

/**
 * The connectors, by the `type` of a connector file's `source`: what events call this kind of database, the schema of
 * its settings, how to make a source from them, and what two of them must not share.
 */
export const connectors = {
  postgres: {
    kind: 'postgresql',
    settings: postgres.postgresSettings,
    createSource: postgres.createSource,
    claims: postgres.claims,
  },
} as const

export const sourceSchemas = { postgres: connectors.postgres.settings } as const

/** The settings of any connector's `source`. */
export type SourceSettings = z.output<(typeof sourceSchemas)[keyof typeof sourceSchemas]>

/** What a connector needs for itself alone on its server, in words. */
export const claimsOf = (source: SourceSettings, name: string): readonly string[] =>
  connectors[source.type].claims(source, name)
