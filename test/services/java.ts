import { readdir, readFile, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { run } from './process.ts'
import { isExecutable, missing, type Needs, onPath, requireTools } from './tools.ts'

/** Folders whose sub-folders are Java installations, beside the ones that JAVA_HOME and PATH lead to. */
const INSTALL_FOLDERS = [
  '/usr/lib/jvm',
  '/Library/Java/JavaVirtualMachines',
  '/opt/homebrew/opt',
  '/usr/local/opt',
]

/**
 * The `java` of the newest installation, which may not be the default one.
 * @throws Error that says how to get one when none is as new as `atLeast`.
 */
export async function findJava(needs: Needs, atLeast: number): Promise<string> {
  let newest = { version: 0, java: '' }
  for (const home of await javaHomes()) {
    const version = await javaVersion(home)
    if (version > newest.version) newest = { version, java: join(home, 'bin', 'java') }
  }
  if (newest.version >= atLeast) return newest.java
  throw missing(needs, `Java ${atLeast} or newer`, [
    `apt-get install openjdk-${atLeast}-jre-headless`,
    `brew install openjdk@${atLeast}`,
  ])
}

async function javaHomes(): Promise<string[]> {
  const homes = process.env.JAVA_HOME ? [process.env.JAVA_HOME] : []
  const java = await onPath('java')
  if (java !== undefined) homes.push(dirname(dirname(await realpath(java))))
  for (const folder of [...INSTALL_FOLDERS, ...homes.map(dirname)]) {
    for (const name of await readdir(folder).catch(() => [])) {
      homes.push(join(folder, name), join(folder, name, 'Contents', 'Home'))
    }
  }
  return homes
}

/** From the `release` file that every installation has: starting Java to ask costs half a second. 0: none there. */
async function javaVersion(home: string): Promise<number> {
  const release = await readFile(join(home, 'release'), 'utf8').catch(() => '')
  const version = Number(/^JAVA_VERSION="(\d+)/m.exec(release)?.[1] ?? 0)
  return (await isExecutable(join(home, 'bin', 'java'))) ? version : 0
}

/** Copies artifacts, with all that they need at run time, into a folder. */
export async function copyJars(needs: Needs, artifacts: readonly string[], folder: string): Promise<void> {
  await requireTools(needs, 'mvn')
  const pom = join(folder, 'pom.xml')
  await writeFile(pom, projectWith(artifacts))
  await maven(
    '-f',
    pom,
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${folder}`,
  )
}

/** Copies one file of the repository (`GROUP:NAME:VERSION:TYPE:CLASSIFIER`) into a folder. */
export async function copyArtifact(needs: Needs, artifact: string, folder: string): Promise<void> {
  await requireTools(needs, 'mvn')
  await maven('dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`)
}

async function maven(...args: string[]): Promise<void> {
  await run({ file: 'mvn', args: ['-q', '-B', ...args] })
}

function projectWith(artifacts: readonly string[]): string {
  const dependencies = artifacts.map(artifact => {
    const [group, name, version] = artifact.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`
  })
  return `<project><modelVersion>4.0.0</modelVersion>
<groupId>tributary</groupId><artifactId>servers</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>`
}
