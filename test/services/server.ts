import { chown, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath, guardProcess } from './guard.ts'
import { freePorts } from './ports.ts'
import { isRunning, type Launched, launch, processTree, run, signalPid, tail, untilGone } from './process.ts'
import type { Place, Recipe, User } from './recipe.ts'

const READY_MS = 120_000
const POLL_MS = 50
const GONE_MS = 30_000
/** A port that was free can be taken before the server has it. */
const START_ATTEMPTS = 3
/** These end nothing; every other signal is followed by waiting for the process to be gone. */
const NOT_ENDING: readonly NodeJS.Signals[] = ['SIGSTOP', 'SIGCONT', 'SIGHUP']
/** These must reach a server's children too, as they would when a machine loses power or hangs. */
const FOR_ALL: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGSTOP', 'SIGCONT']

/** A server that somebody waits for can be told more than it has by default, in its own words. */
export interface StartOptions {
  /**
   * Postgres: `max_wal_size`; Kafka: `message.max.bytes`; MySQL, MariaDB, MongoDB: options without their dashes;
   * registry: Java system properties.
   */
  readonly settings?: Readonly<Record<string, string>>
}

/** A server of one's own, for tests that do it harm. */
export interface RunningService extends AsyncDisposable {
  readonly name: string
  readonly url: string
  /** Changes with a restart. */
  readonly pid: number
  readonly dataDir: string
  readonly logFile: string
  /**
   * Signals the server, SIGKILL by default, and waits until it is gone. SIGKILL, SIGSTOP and SIGCONT reach its
   * child processes too. SIGSTOP, SIGCONT and SIGHUP return at once.
   */
  kill(signal?: NodeJS.Signals): Promise<void>
  /** Starts it on the same port with the same data; ends it first if it runs. */
  restart(): Promise<void>
  /** Ends it and removes its folder. Does nothing the second time. */
  stop(): Promise<void>
}

/** Starts a server and waits until clients can work with it. */
export async function startServer(recipe: Recipe, options: StartOptions = {}): Promise<RunningService> {
  const home = await recipe.install()
  for (let attempt = 1; ; attempt++) {
    const server = new Server(recipe, await findPlace(recipe, home, options.settings ?? {}))
    try {
      await server.prepare()
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      if (attempt === START_ATTEMPTS || !/address already in use|port.* in use/i.test(String(error)))
        throw error
    }
  }
}

async function findPlace(recipe: Recipe, home: string, settings: Place['settings']): Promise<Place> {
  const [first, ...more] = await freePorts(recipe.ports)
  if (first === undefined) throw new Error(`${recipe.name} asks for no port`)
  const folder = await mkdtemp(join(tmpdir(), `tributary-${recipe.name}-`))
  const dataDir = join(folder, 'data')
  return { home, folder, dataDir, ports: [first, ...more], settings, user: await userFor(recipe) }
}

/** Some servers refuse to run as root: then as `postgres`, or as `nobody`, which every system has. */
async function userFor(recipe: Recipe): Promise<User | undefined> {
  if (!recipe.unprivileged || process.getuid?.() !== 0) return undefined
  const id = async (name: string) => ({
    uid: Number(await run({ file: 'id', args: ['-u', name] })),
    gid: Number(await run({ file: 'id', args: ['-g', name] })),
  })
  return id('postgres').catch(() => id('nobody'))
}

class Server implements RunningService {
  readonly name: string
  readonly url: string
  readonly dataDir: string
  readonly logFile: string
  readonly #recipe: Recipe
  readonly #place: Place
  readonly #releaseFolder: () => void
  #child: Launched | undefined
  #stopping: Promise<void> | undefined

  constructor(recipe: Recipe, place: Place) {
    this.name = recipe.name
    this.url = recipe.url(place)
    this.dataDir = place.dataDir
    this.logFile = join(place.folder, 'server.log')
    this.#recipe = recipe
    this.#place = place
    this.#releaseFolder = guardPath(place.folder)
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error(`${this.name} was not started`)
    return this.#child.pid
  }

  async prepare(): Promise<void> {
    const { dataDir, folder, user } = this.#place
    await mkdir(dataDir, { mode: 0o700 })
    if (user) for (const path of [folder, dataDir]) await chown(path, user.uid, user.gid)
    await this.#recipe.prepare(this.#place)
  }

  async start(): Promise<void> {
    const child = await launch(await this.#recipe.command(this.#place), this.logFile)
    child.once('exit', guardProcess(child.pid, this.#recipe.stopSignal))
    this.#child = child
    await this.#untilReady(child)
  }

  async #untilReady(child: Launched): Promise<void> {
    const end = performance.now() + READY_MS
    for (;;) {
      try {
        return await this.#recipe.probe(this.url)
      } catch (error) {
        if (!isRunning(child)) throw await this.#failure('ended', error)
        if (performance.now() > end) throw await this.#failure(`was not ready after ${READY_MS} ms`, error)
      }
      await sleep(POLL_MS)
    }
  }

  async #failure(what: string, cause: unknown): Promise<Error> {
    const log = await readFile(this.logFile, 'utf8').catch(() => '')
    return new Error(`${this.name} ${what}; the end of its log:\n${tail(log)}`, { cause })
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const { pid } = this
    const targets = FOR_ALL.includes(signal) ? await processTree(pid) : [pid]
    for (const target of targets) signalPid(target, signal)
    if (NOT_ENDING.includes(signal)) return
    for (const target of targets) {
      if (await untilGone(target, GONE_MS)) continue
      throw new Error(`${this.name} (process ${target}) does not end after ${signal}`)
    }
  }

  async restart(): Promise<void> {
    if (this.#child && isRunning(this.#child)) await this.kill()
    await this.start()
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    if (this.#child && isRunning(this.#child)) {
      await this.kill('SIGCONT')
      await this.kill(this.#recipe.stopSignal)
    }
    await this.#recipe.sweep?.(this.#place)
    await rm(this.#place.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 })
    this.#releaseFolder()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
