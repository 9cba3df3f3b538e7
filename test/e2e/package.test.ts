import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { VERSION } from '../../core/version.ts'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('the package', () => {
  let folder = ''

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tributary-package-'))
    await run('npm', ['pack', '--pack-destination', folder], { cwd: ROOT })
    const [tarball = ''] = await readdir(folder)
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
    await run('npm', ['install', '--omit=dev', join(folder, tarball)], { cwd: folder })
  })

  after(() => rm(folder, { recursive: true, force: true }))

  it('has a command that a plain Node runs', async () => {
    const binary = join(folder, 'node_modules/tributary/dist/bin/tributary.js')
    const { stdout } = await run(process.execPath, [binary, '--version'])
    assert.equal(stdout.trim(), VERSION)
  })

  it('links the command', async () => {
    const { stdout } = await run(join(folder, 'node_modules/.bin/tributary'), ['--help'], {
      env: { ...process.env, PATH: `${join(ROOT, 'node_modules/.bin')}:${process.env.PATH}` },
    })
    assert.match(stdout, /tributary run DIR/)
  })

  it('lets a service import the decoder', async () => {
    const script = `import { createDecoder } from 'tributary/schemas'; console.log(typeof createDecoder().decode)`
    await writeFile(join(folder, 'service.js'), script)
    const { stdout } = await run(process.execPath, [join(folder, 'service.js')])
    assert.equal(stdout.trim(), 'function')
  })

  it('brings no tests, sources or examples', async () => {
    const shipped = (await readdir(join(folder, 'node_modules/tributary'))).toSorted()
    assert.deepEqual(shipped, ['CHANGELOG.md', 'LICENSE', 'README.md', 'dist', 'docs', 'package.json'])
  })
})
