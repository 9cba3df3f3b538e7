import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './process.ts'
import type { Command } from './recipe.ts'
import { isExecutable, type Needs, requireTools } from './tools.ts'

/** The C library's loader and its folder of libraries, by processor. */
const LOADERS = {
  x64: ['lib64/ld-linux-x86-64.so.2', 'lib/x86_64-linux-gnu'],
  arm64: ['lib/ld-linux-aarch64.so.1', 'lib/aarch64-linux-gnu'],
} as const

/** Packages of a Debian archive, and the suites to take them from. */
export interface Packages {
  readonly suites: readonly string[]
  readonly names: readonly string[]
}

/**
 * Unpacks Debian packages, with all they depend on, into a folder. Nothing is installed and no file of the
 * system's apt is touched: apt gets a configuration of its own, in which no package is installed yet, so it
 * fetches the C library and its loader too and the programs run on any release.
 */
export async function unpackPackages(needs: Needs, packages: Packages, folder: string): Promise<void> {
  await requireTools(needs, 'apt-get', 'dpkg-deb')
  const apt = join(folder, 'apt')
  const archives = join(apt, 'archives')
  await mkdir(join(apt, 'lists', 'partial'), { recursive: true })
  await mkdir(join(archives, 'partial'), { recursive: true })
  await writeFile(join(apt, 'status'), '')
  const mirror = await debianMirror()
  await writeFile(
    join(apt, 'sources.list'),
    packages.suites.map(suite => `deb ${mirror} ${suite} main\n`).join(''),
  )
  const aptGet = (...args: string[]) => run({ file: 'apt-get', args: [...privateOptions(apt), ...args] })
  await aptGet('update')
  await aptGet('install', '--yes', '--download-only', ...packages.names)
  for (const name of await readdir(archives)) {
    if (name.endsWith('.deb')) await run({ file: 'dpkg-deb', args: ['-x', join(archives, name), folder] })
  }
  await rm(apt, { recursive: true })
}

/** The archive that this machine is set up to use. */
async function debianMirror(): Promise<string> {
  const targets = await run({ file: 'apt-get', args: ['indextargets', '--format', '$(REPO_URI)'] })
  const uri = targets.split('\n').find(candidate => /\/debian\/?$/.test(candidate))
  if (uri === undefined) throw new Error('apt is not set up with a Debian mirror (apt-get indextargets)')
  return uri
}

function privateOptions(apt: string): string[] {
  const options = {
    'Dir::State': apt,
    'Dir::State::status': join(apt, 'status'),
    'Dir::State::lists': join(apt, 'lists'),
    'Dir::Cache': apt,
    'Dir::Cache::archives': join(apt, 'archives'),
    'Dir::Etc::sourcelist': join(apt, 'sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    // Only the list of packages, not the screenshots and translations that some machines ask for.
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::Languages': 'none',
    'APT::Install-Recommends': 'false',
    // The user that apt otherwise downloads as may not enter our folder.
    'APT::Sandbox::User': process.env.USER ?? 'root',
  }
  return Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}

/** Runs an unpacked program with the C library that was unpacked beside it. */
export async function unpackedCommand(
  root: string,
  program: string,
  args: readonly string[],
): Promise<Command> {
  const [loader, libraries] = LOADERS[process.arch === 'arm64' ? 'arm64' : 'x64']
  // Older releases have them in /lib, newer ones in /usr/lib only.
  const old = join(root, loader)
  const file = (await isExecutable(old)) ? old : join(root, 'usr', loader)
  const path = `${join(root, libraries)}:${join(root, 'usr', libraries)}`
  return { file, args: ['--library-path', path, join(root, program), ...args] }
}
