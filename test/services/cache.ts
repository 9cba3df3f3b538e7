import { randomUUID } from 'node:crypto'
import { chmod, link, mkdir, mkdtemp, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guardPath } from './guard.ts'
import { isAlive } from './process.ts'

const POLL_MS = 200
const TOUCH_MS = 5_000
/** A lock that was not touched for so long belongs to nobody. */
const STALE_MS = 30_000

/** Where downloads are kept: `TRIBUTARY_CACHE`, else `tributary` in the user's cache folder. */
export function cacheFolder(): string {
  const { TRIBUTARY_CACHE, XDG_CACHE_HOME } = process.env
  return TRIBUTARY_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'tributary')
}

/** Something to be kept in the cache. */
export interface Download {
  /** Names content and version: whatever has this name is never looked at again. */
  readonly key: string
  /** Told to the person who waits: `kafka: downloading 54 MB, once`. */
  readonly notice: string
  /** Fills a new folder. */
  fill(folder: string): Promise<void>
}

/**
 * The folder with the content, downloaded if it is not there. It is filled under another name and renamed when
 * complete, so what has the final name is whole, whatever was interrupted.
 */
export async function cached(download: Download): Promise<string> {
  const root = cacheFolder()
  const final = join(root, download.key)
  if (await exists(final)) return final
  await mkdir(root, { recursive: true })
  await using _lock = await lock(`${final}.lock`)
  if (await exists(final)) return final
  process.stderr.write(`${download.notice}\n`)
  const partial = await mkdtemp(`${final}.partial-`)
  const release = guardPath(partial)
  try {
    await download.fill(partial)
    // Temporary folders are closed to others, but some servers run as another user.
    await chmod(partial, 0o755)
    await publish(partial, final)
  } finally {
    await rm(partial, { recursive: true, force: true })
    release()
  }
  return final
}

async function publish(partial: string, final: string): Promise<void> {
  try {
    await rename(partial, final)
  } catch (error) {
    // Somebody who took our lock for a dead one was faster: theirs is as good.
    if (!(await exists(final))) throw error
  }
}

/**
 * Keeps two processes from downloading the same at once. Only a courtesy: should two hold it, both download and
 * the rename decides. A holder touches the file, so one that died is found out.
 */
async function lock(file: string): Promise<AsyncDisposable> {
  const mine = `${file}.${randomUUID()}`
  await writeFile(mine, `${process.pid} ${hostname()}`)
  const releases = [guardPath(mine)]
  try {
    // `link` fails when the name is taken, and the file has its content from the first moment.
    while (!(await tryLink(mine, file))) {
      if (await isStale(file)) await rm(file, { force: true })
      else await sleep(POLL_MS)
    }
    releases.push(guardPath(file))
  } finally {
    await rm(mine, { force: true })
  }
  const touching = setInterval(() => utimes(file, new Date(), new Date()).catch(() => undefined), TOUCH_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(touching)
      await rm(file, { force: true })
      for (const release of releases) release()
    },
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function isStale(file: string): Promise<boolean> {
  try {
    const [pid, host] = (await readFile(file, 'utf8')).split(' ')
    if (host === hostname() && !isAlive(Number(pid))) return true
    return Date.now() - (await stat(file)).mtimeMs > STALE_MS
  } catch {
    // It went away just now.
    return false
  }
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
