import { kafka } from './kafka.ts'
import { mariadb } from './mariadb.ts'
import { mongodb } from './mongodb.ts'
import { mysql } from './mysql.ts'
import { installedBinaries, postgres15, postgres18 } from './postgres.ts'
import type { Recipe } from './recipe.ts'
import { registry } from './registry.ts'
import { type RunningService, type StartOptions, startServer } from './server.ts'

export type { RunningService, StartOptions } from './server.ts'

const RECIPES = {
  kafka,
  registry,
  postgres15,
  postgres18,
  mysql,
  mariadb,
  mongodb,
} as const satisfies Record<string, Recipe>

export type ServiceName = keyof typeof RECIPES
export const SERVICE_NAMES = Object.keys(RECIPES) as readonly ServiceName[]

export interface Service {
  readonly name: ServiceName
  /** As drivers take it; Kafka: `HOST:PORT`. */
  readonly url: string
}

const shared = new Map<ServiceName, Promise<Service>>()
const started = new Set<RunningService>()

/**
 * The server of this name that all share: the one that its environment variable names, else one that this process
 * starts at the first call and that ends with it. `postgres`: 15 where it is installed, else 18.
 */
export async function service(name: ServiceName | 'postgres'): Promise<Service> {
  const resolved = await resolveName(name)
  let found = shared.get(resolved)
  if (found === undefined) {
    found = shareService(resolved)
    shared.set(resolved, found)
  }
  return found
}

/** A server of one's own, for tests that do it harm. Ends with `stop()`, with its scope, or with this process. */
export async function startService(
  name: ServiceName | 'postgres',
  options?: StartOptions,
): Promise<RunningService> {
  return startServer(RECIPES[await resolveName(name)], options)
}

/** The environment variable that names a running server of this kind. */
export function serviceVariable(name: ServiceName): string {
  return RECIPES[name].variable
}

/** Ends the shared servers that this process started. One that is only starting ends with the process. */
export async function stopServices(): Promise<void> {
  await Promise.all(Array.from(started, server => server.stop()))
  started.clear()
  shared.clear()
}

async function shareService(name: ServiceName): Promise<Service> {
  const given = process.env[RECIPES[name].variable]
  if (given) return { name, url: given }
  const server = await startServer(RECIPES[name])
  started.add(server)
  return { name, url: server.url }
}

export function isServiceName(name: string): name is ServiceName | 'postgres' {
  return name === 'postgres' || Object.hasOwn(RECIPES, name)
}

async function resolveName(name: ServiceName | 'postgres'): Promise<ServiceName> {
  if (name !== 'postgres') return name
  if (process.env[postgres15.variable]) return 'postgres15'
  if (process.env[postgres18.variable]) return 'postgres18'
  return (await installedBinaries('15')) ? 'postgres15' : 'postgres18'
}
