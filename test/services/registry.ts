import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { copyArtifact, findJava } from './java.ts'
import { run } from './process.ts'
import type { Recipe } from './recipe.ts'
import { requireTools } from './tools.ts'

const VERSION = '3.3.3'
const ARTIFACT = `io.apicurio:apicurio-registry-app:${VERSION}:tar.gz:all`
const JAVA = 21
const NEEDS = { name: 'registry', variable: 'TEST_REGISTRY_URL' }

/** Apicurio, which speaks Confluent's API below `/apis/ccompat/v7`. Its schemas are in memory: a restart loses them. */
export const registry: Recipe = {
  ...NEEDS,
  ports: 2,
  stopSignal: 'SIGKILL',
  unprivileged: false,

  async install() {
    await findJava(NEEDS, JAVA)
    return cached({
      key: `registry-${VERSION}`,
      notice: `registry: downloading Apicurio ${VERSION}, 159 MB, once`,
      fill: download,
    })
  },

  prepare: async () => undefined,

  async command(place) {
    const [port, management] = place.ports
    const settings = {
      'java.io.tmpdir': place.folder,
      'quarkus.http.host': '127.0.0.1',
      'quarkus.http.port': `${port}`,
      'quarkus.management.host': '127.0.0.1',
      'quarkus.management.port': `${management}`,
      ...place.settings,
    }
    const options = Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)
    const jar = join(place.home, 'quarkus-run.jar')
    const args = ['-Xmx512m', '-XX:-UsePerfData', ...options, '-jar', jar]
    return { file: await findJava(NEEDS, JAVA), args, cwd: place.folder }
  },

  url: place => `http://127.0.0.1:${place.ports[0]}/apis/ccompat/v7`,

  async probe(url) {
    const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(5_000) })
    if (!Array.isArray(await response.json())) throw new Error(`${url}/subjects is not a list`)
  },
}

/** The archive holds the program's folder, or a single folder with it. */
async function download(folder: string): Promise<void> {
  await requireTools(NEEDS, 'tar')
  await copyArtifact(NEEDS, ARTIFACT, folder)
  const [archive] = await readdir(folder)
  if (archive === undefined) throw new Error(`Maven did not copy ${ARTIFACT}`)
  await run({ file: 'tar', args: ['-xzf', archive], cwd: folder })
  await rm(join(folder, archive))
  const names = await readdir(folder)
  if (names.includes('quarkus-run.jar') || names[0] === undefined) return
  const inner = join(folder, names[0])
  for (const name of await readdir(inner)) await rename(join(inner, name), join(folder, name))
}
