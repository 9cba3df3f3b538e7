import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { until } from '../support/until.ts'
import { isAlive, processTree } from './process.ts'

const CLI = join(import.meta.dirname, 'cli.ts')

describe('the services command', () => {
  let temporary = ''
  beforeEach(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'tributary-interrupted-'))
    // Servers that run as another user have their folders in it.
    await chmod(temporary, 0o755)
  })
  afterEach(() => rm(temporary, { recursive: true }))

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGKILL'] as const) {
    it(`leaves no process and no folder behind after ${signal}`, async () => {
      const command = start(['up', 'postgres18', 'mongodb'])
      await until('both servers are up', () => command.output().includes('Ready'))
      assert.match(command.output(), /export TEST_MONGODB_URL='mongodb:/)
      const [, ...others] = await processTree(command.child.pid ?? 0)
      assert.ok(others.length >= 3, 'the watchdog and two servers')
      assert.equal((await serverFolders()).length, 2)
      command.child.kill(signal)
      // Its standard error closes as the watchdog, which shares it, ends: a moment before its process is gone.
      const [code] = await once(command.child, 'close')
      assert.equal(code, signal === 'SIGKILL' ? null : 0)
      await until('every process is gone', () => !others.some(isAlive), 5_000)
      assert.deepEqual(await serverFolders(), [])
    })
  }

  it('names the servers that there are when told an unknown one', async () => {
    const command = start(['up', 'postgres18', 'oracle'])
    const [code] = await once(command.child, 'close')
    assert.equal(code, 2)
    assert.match(command.output(), /no server named oracle.*kafka registry postgres15/s)
  })

  it('says how to get what is missing, and how to do without', async () => {
    const command = start(['up', 'kafka'], { PATH: temporary, TRIBUTARY_CACHE: temporary })
    const [code] = await once(command.child, 'close')
    assert.equal(code, 1)
    const explained = /kafka needs (Maven|Java).*apt-get install.*brew install.*set TEST_KAFKA_BROKERS/
    assert.match(command.output(), explained)
  })

  function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const given = Object.entries(process.env).filter(([name]) => !name.startsWith('TEST_'))
    const child = spawn(process.execPath, [CLI, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...Object.fromEntries(given), TMPDIR: temporary, ...env },
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text
      })
    }
    return { child, output: () => output }
  }

  async function serverFolders(): Promise<string[]> {
    return (await readdir(temporary)).filter(name => name.startsWith('tributary-'))
  }
})
