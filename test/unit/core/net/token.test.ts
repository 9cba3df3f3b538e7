import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { tokenSource } from '../../../../core/net/token.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { serveTokens } from '../../../support/token-server.ts'
import { serve } from '../../schemas/fake-registry-server.ts'

const CLIENT = { clientId: 'us er', clientSecret: 'sec-ret' }

describe('tokens', () => {
  it('that are asked for are shared, and replaced before their end', async () => {
    let count = 0
    const options = { clientId: 'c', clientSecret: 's', lifeSeconds: 600, token: () => `t${++count}` }
    await using server = await serveTokens(options)
    const clock = new ManualClock()
    const settings = { tokenUrl: server.url, clientId: 'c', clientSecret: 's' }
    const source = tokenSource(settings, clock)
    assert.equal(tokenSource(settings, clock), source)
    const get = () => source.get()
    assert.deepEqual(await Promise.all([get(), get()]), [{ token: 't1' }, { token: 't1' }])
    await clock.pass(539_000)
    assert.deepEqual(await get(), { token: 't1' })
    await clock.pass(2_000)
    assert.deepEqual(await get(), { token: 't2' })
    assert.equal(source.isNew('t2'), true)
    await clock.pass(60_000)
    assert.equal(source.isNew('t2'), false)
    assert.equal(source.renew('t2'), true)
    assert.deepEqual(await get(), { token: 't3' })
    assert.equal(source.renew('t2'), true, 'another connection had it, too')
    assert.deepEqual(await get(), { token: 't3' })
  })

  it('with a short life, or none that is told, are not kept to their end', async () => {
    await using server = await serve(
      { status: 200, body: { access_token: 'a', expires_in: 10 } },
      { status: 200, body: { access_token: 'b' } },
      { status: 200, body: { access_token: 'c', expires_in: '600' } },
    )
    const clock = new ManualClock()
    const source = tokenSource({ tokenUrl: server.url, ...CLIENT }, clock)
    const tokens: unknown[] = [await source.get()]
    await clock.pass(4_000)
    tokens.push(await source.get())
    await clock.pass(2_000)
    tokens.push(await source.get(), await source.get(), await source.get())
    const told = tokens.map(answer => (answer as { token: string }).token)
    assert.deepEqual(told, ['a', 'a', 'b', 'c', 'c'])
  })

  it('in a file are read each time, and renewed once the file holds another', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-token-'))
    try {
      const tokenFile = join(folder, 'token')
      const source = tokenSource({ tokenFile })
      const missing = { failure: `the token's file ${tokenFile} cannot be read (ENOENT)`, isPassing: false }
      assert.deepEqual(await source.get(), missing)
      writeFileSync(tokenFile, 'one\n')
      assert.deepEqual(await source.get(), { token: 'one' })
      assert.equal(source.renew('one'), false)
      writeFileSync(tokenFile, 'two')
      assert.equal(source.renew('one'), true)
      assert.deepEqual(await source.get(), { token: 'two' })
      writeFileSync(tokenFile, '\n')
      assert.deepEqual(await source.get(), {
        failure: `the token's file ${tokenFile} is empty`,
        isPassing: true,
      })
      writeFileSync(tokenFile, 'two\nlines')
      const answer = await source.get()
      assert.match('failure' in answer ? answer.failure : '', /holds no token/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('that are not given say why, and whether it may pass, without what was sent', async () => {
    const cases = [
      [
        { status: 401, body: { error: 'invalid_client' } },
        false,
        /gives client us er no token \(401 invalid_client\)$/,
      ],
      [{ status: 400, body: { error: 'sec-ret in here' } }, false, /no token \(400\)$/],
      [{ status: 503, body: 'sorry' }, true, /answers 503$/],
      [{ status: 429, body: '' }, true, /answers 429$/],
      [{ status: 200, body: 'sorry' }, false, /holds no token$/],
      [{ status: 200, body: { access_token: 'a b' } }, false, /holds no token$/],
      [{ status: 302, body: '' }, false, /no token \(302\)$/],
    ] as const
    for (const [answer, isPassing, message] of cases) {
      await using server = await serve(answer)
      const got = await tokenSource({ tokenUrl: `${server.url}/t?x=sec-ret`, ...CLIENT }).get()
      assert.ok('failure' in got)
      assert.equal(got.isPassing, isPassing, got.failure)
      assert.match(got.failure, message)
      assert.doesNotMatch(got.failure, /sec-ret/)
      assert.equal(server.seen[0]?.authorization, `Basic ${Buffer.from('us+er:sec-ret').toString('base64')}`)
    }
  })
})
