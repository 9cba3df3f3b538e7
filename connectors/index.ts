import type { z } from 'zod'
import * as postgres from './postgres/index.ts'

/**
 * The connectors, by the `type` of a connector file's `source`: what events call this kind of database, the schema of
 * its settings, and how to make a source from them.
 */
export const connectors = {
  postgres: { kind: 'postgresql', settings: postgres.postgresSettings, createSource: postgres.createSource },
} as const

export const sourceSchemas = { postgres: connectors.postgres.settings } as const

/** The settings of any connector's `source`. */
export type SourceSettings = z.output<(typeof sourceSchemas)[keyof typeof sourceSchemas]>
