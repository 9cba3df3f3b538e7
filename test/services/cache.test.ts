import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, beforeEach, describe, it } from 'node:test'
import { cached, cacheFolder } from './cache.ts'

/** Longer than a lock may go untouched. */
const LONG_AGO = new Date(Date.now() - 120_000)
/** No system gives out numbers this large. */
const NO_PROCESS = 2 ** 30

describe('the download cache', () => {
  const before = { ...process.env }
  let folder = ''
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-cache-'))
    process.env.TRIBUTARY_CACHE = folder
  })
  afterEach(() => rm(folder, { recursive: true }))
  after(() => {
    process.env = before
  })

  it('is where the environment says, else in the user’s cache folder', () => {
    assert.equal(cacheFolder(), folder)
    delete process.env.TRIBUTARY_CACHE
    process.env.XDG_CACHE_HOME = '/elsewhere'
    assert.equal(cacheFolder(), '/elsewhere/tributary')
  })

  it('fills once, however many ask at the same time', async () => {
    let fills = 0
    const download = fileDownload(() => {
      fills++
    })
    const paths = await Promise.all([cached(download), cached(download), cached(download)])
    assert.equal(fills, 1)
    assert.deepEqual(new Set(paths), new Set([join(folder, 'thing-1')]))
    assert.equal(await readFile(join(folder, 'thing-1', 'file'), 'utf8'), 'content')
    assert.deepEqual(await readdir(folder), ['thing-1'])
  })

  it('keeps nothing of a download that failed', async () => {
    const failing = fileDownload(() => {
      throw new Error('the line went dead')
    })
    await assert.rejects(cached(failing), /the line went dead/)
    assert.deepEqual(await readdir(folder), [])
  })

  it('takes the lock of a process that is dead', async () => {
    await writeFile(join(folder, 'thing-1.lock'), `${NO_PROCESS} ${hostname()}`)
    await cached(fileDownload())
    assert.deepEqual(await readdir(folder), ['thing-1'])
  })

  it('takes a lock of another machine that nobody has touched for long', async () => {
    const lock = join(folder, 'thing-1.lock')
    await writeFile(lock, `${NO_PROCESS} another-machine`)
    await utimes(lock, LONG_AGO, LONG_AGO)
    await cached(fileDownload())
    assert.deepEqual(await readdir(folder), ['thing-1'])
  })

  it('is content with what another process finished meanwhile', async () => {
    const overtaken = fileDownload(() => mkdir(join(folder, 'thing-1', 'theirs'), { recursive: true }))
    await cached(overtaken)
    assert.deepEqual(await readdir(join(folder, 'thing-1')), ['theirs'])
  })
})

function fileDownload(meanwhile: () => unknown = () => undefined) {
  return {
    key: 'thing-1',
    notice: 'test: downloading nothing, once',
    async fill(folder: string) {
      await writeFile(join(folder, 'file'), 'content')
      await meanwhile()
    },
  }
}
