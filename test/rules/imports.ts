import type { SourceFile } from './source.ts'

/** What the files of one place may import: paths from the root, and packages. Node's own modules are free. */
interface Room {
  readonly files: RegExp
  readonly paths: RegExp
  readonly packages: RegExp
}

const COMMON_PACKAGES = /^(fastify|pino|prom-client|yaml|zod)$/

/** The first that fits a file counts. Tests, benchmarks and examples are not listed: they may import anything. */
const ROOMS: readonly Room[] = [
  { files: /^core\/sinks\//, paths: /^core\//, packages: /^@node-rs\/crc32$/ },
  { files: /^core\//, paths: /^core\/(?!sinks\/)/, packages: COMMON_PACKAGES },
  {
    files: /^connectors\/index\.ts$/,
    paths: /^(core\/(?!sinks\/)|connectors\/\w+\/index\.ts$)/,
    packages: /^zod$/,
  },
  { files: /^connectors\//, paths: /^core\/(?!sinks\/)/, packages: /^zod$/ },
  {
    files: /^schemas\//,
    paths: /^(schemas\/|core\/net\/|core\/(types|errors|clock|backoff|packed-record)\.ts$)/,
    packages: /^avsc$/,
  },
  { files: /^bin\//, paths: /^(bin|connectors|core|schemas)\//, packages: COMMON_PACKAGES },
]

/** Clients of servers, each named in one kind of file, types included: to change one means to change that file. */
const CLIENTS: readonly (readonly [name: RegExp, file: RegExp])[] = [
  [/^kafkajs(\/|$)/, /^core\/sinks\/kafka\/client\.ts$/],
  [/^(pg|pg-logical-replication)(\/|$)/, /^connectors\/postgres\/connection\.ts$/],
  [/^mysql2(\/|$)/, /^connectors\/(mysql|mariadb)\/connection\.ts$/],
  [/^mongodb(\/|$)/, /^connectors\/mongodb\/connection\.ts$/],
]

/** What breaks the rules, one line each. */
export function importViolations(files: readonly SourceFile[]): string[] {
  return files.flatMap(file => {
    const room = ROOMS.find(candidate => candidate.files.test(file.path))
    if (room === undefined) return []
    const foreign = file.imports.filter(name => !isClient(name) && !mayImport(room, file.path, name))
    const clients = file.strings.filter(text => isClient(text) && !isClientOf(file.path, text))
    return [
      ...foreign.map(name => `${file.path} imports ${name}`),
      ...clients.map(name => `${file.path} names ${name}, which belongs to another file`),
    ]
  })
}

function mayImport(room: Room, path: string, name: string): boolean {
  if (name.startsWith('node:')) return true
  if (!name.endsWith('.ts')) return room.packages.test(name)
  return room.paths.test(name) || name.startsWith(`${ownConnector(path)}/`)
}

/** `connectors/postgres` for what is in there: one connector never imports another. */
function ownConnector(path: string): string | undefined {
  return /^connectors\/\w+(?=\/)/.exec(path)?.[0]
}

function isClient(name: string): boolean {
  return CLIENTS.some(([client]) => client.test(name))
}

function isClientOf(path: string, name: string): boolean {
  return CLIENTS.some(([client, file]) => client.test(name) && file.test(path))
}

/** Each group of files that import each other in a circle, types included, as `a.ts -> b.ts -> a.ts`. */
export function importCycles(files: readonly SourceFile[]): string[] {
  const imports = new Map(files.map(file => [file.path, file.imports]))
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
    if (trail.includes(path) || done.has(path)) return
    for (const name of imports.get(path) ?? []) visit(name, [...trail, path])
    done.add(path)
  }
  for (const path of imports.keys()) visit(path, [])
  return cycles
}
