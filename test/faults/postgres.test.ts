import assert from 'node:assert/strict'
import { it } from 'node:test'
import pg from 'pg'
import { startService } from '../services/index.ts'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { says, settle, throughFaults, writesOn } from '../support/under-load.ts'
import { until } from '../support/until.ts'

it('goes on exactly once after Postgres crashed, and after it had no session left to give', async () => {
  await using postgres = await startService('postgres15', { settings: { max_connections: '20' } })
  await using scene = await openShopScene({ postgres: postgres.url })
  const proved = await throughFaults(scene, async worker => {
    for (const signal of ['SIGQUIT', 'SIGKILL'] as const) {
      await settle(1_000)
      const from = worker.log.length
      await postgres.kill(signal)
      await until('the worker notices', () =>
        worker.log.slice(from).some(({ msg }) => msg === 'connector waits'),
      )
      await postgres.restart()
      await writesOn(worker)
    }
    await using sessions = await takeAllSessions(postgres.url)
    await sessions.first.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'tributary%'",
    )
    const from = worker.log.length
    await says(worker, 'SOURCE_UNREACHABLE', from)
    assert.match(
      String(worker.log.slice(from).findLast(({ code }) => code)?.error),
      /too many clients|reserved/,
    )
  })
  assert.ok(proved > 100)
})

/** Every session that the server gives, those that others give back included, until this ends. */
async function takeAllSessions(url: string): Promise<AsyncDisposable & { readonly first: pg.Client }> {
  const taken: pg.Client[] = []
  let isTaking = true
  const taking = (async () => {
    while (isTaking) {
      const client = new pg.Client({ connectionString: url })
      client.on('error', () => undefined)
      await client.connect().then(
        () => taken.push(client),
        () => settle(10),
      )
    }
  })()
  await until('no session is left', () =>
    withClient(url, async () => false).catch((error: { code?: string }) => error.code === '53300'),
  )
  return {
    first: taken[0] as pg.Client,
    async [Symbol.asyncDispose]() {
      isTaking = false
      await taking
      await Promise.all(taken.map(client => client.end().catch(() => undefined)))
    },
  }
}
