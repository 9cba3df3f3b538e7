import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { type Ended, tributary } from '../support/cli.ts'
import { openShopScene, type ShopScene } from '../support/shop-scene.ts'
import { configFolder } from '../support/worker.ts'

const sql = (scene: ShopScene, text: string) =>
  withClient(scene.databaseUrl, async client => (await client.query(text)).rows)

/** A folder for the scene's database; what is not overridden is right. */
function configOf(scene: ShopScene, own: { worker?: string; connector?: string } = {}) {
  const servers = `kafka: { brokers: ["${scene.kafka}"] }\nregistry: { url: ${scene.registry} }\n`
  const source = `source:\n  type: postgres\n  url: ${scene.databaseUrl}\n  tables: ["public.*", "!public.audit"]\n`
  return configFolder({
    'worker.yaml': own.worker ?? `${servers}http: { host: 127.0.0.1, port: 0 }\n`,
    'shop.yaml': `name: ${scene.name}\n${source}${own.connector ?? ''}`,
  })
}

async function assertNothingCreated(scene: ShopScene): Promise<void> {
  assert.deepEqual(
    await sql(scene, 'select slot_name from pg_replication_slots where database = current_database()'),
    [],
  )
  assert.deepEqual(await sql(scene, 'select pubname from pg_publication'), [])
  const { code, said } = await tributary(['consume', `${scene.name}.checkpoint`, '--brokers', scene.kafka])
  assert.equal(code, 1)
  assert.match(said, /UNKNOWN_TOPIC_OR_PARTITION/)
}

describe('before anything is there', () => {
  let scene: ShopScene
  before(async () => {
    scene = await openShopScene()
  })
  after(() => scene[Symbol.asyncDispose]())

  it('names every mistake of every file with its line, exits with 2 and creates nothing', async () => {
    using folder = configOf(scene, {
      worker: 'kafka: { brokers: ["nowhere"] }\nlog:\n  level: loud\n',
      connector: 'topics: { partitions: 0 }\nsnapshott: never\nregistry:\n  url: ftp://x\n',
    })
    for (const command of ['run', 'check']) {
      const { code, lines, said } = await tributary([command, folder.path])
      assert.equal(code, 2)
      assert.deepEqual(lines, [])
      assert.match(said, /^tributary: CONFIG_INVALID: 5 mistakes/)
      for (const [place, setting] of [
        ['worker.yaml:1', 'kafka.brokers.0'],
        ['worker.yaml:3', 'log.level'],
        ['shop.yaml:6', 'topics.partitions'],
        ['shop.yaml:7', 'snapshott'],
        ['shop.yaml:9', 'registry.url'],
      ] as const) {
        assert.ok(said.includes(`${join(folder.path, place)}: ${setting}: `), `${place} in ${said}`)
      }
    }
    await assertNothingCreated(scene)
  })

  it('refuses what it does not know of the command line with 2, and says how it is used', async () => {
    for (const words of [
      ['frob'],
      ['run'],
      ['run', 'a', 'b'],
      ['run', 'a', '--frob'],
      ['consume', 't', '--from', 'x'],
    ]) {
      const { code, said } = await tributary(words)
      assert.equal(code, 2)
      assert.match(said, /tributary run DIR/)
    }
    const help = await tributary(['--help'])
    assert.deepEqual([help.code, help.said], [0, ''])
  })

  it('checks without creating anything: a table for people, JSON for programs, an exit code for scripts', async () => {
    using folder = configOf(scene)
    const table = await tributary(['check', folder.path])
    assert.equal(table.lines[0], scene.name)
    assert.ok(table.lines.some(line => /^ {2}ok {7}wal_level +/.test(line)))
    const json = await tributary(['check', folder.path, '--json'])
    const [{ connector, findings }] = JSON.parse(json.lines.join('\n'))
    assert.equal(connector, scene.name)
    const severities = findings.map(({ severity }: { severity: string }) => severity)
    assert.deepEqual([table.code, json.code], severities.includes('warning') ? [1, 1] : [0, 0])
    await assertNothingCreated(scene)
  })

  it('checks with 1 when there are warnings and with 2 when there are failures', async () => {
    await sql(scene, 'create table keyless (v text); alter table keyless replica identity full')
    using warned = configOf(scene)
    const warning = await tributary(['check', warned.path])
    assert.equal(warning.code, 1)
    assert.ok(warning.lines.some(line => /WARNING +public\.keyless /.test(line)))
    assert.ok(warning.lines.some(line => /^ +fix: /.test(line)))
    await sql(scene, 'drop table keyless')
    using away = configOf(scene, { connector: 'kafka: { brokers: ["127.0.0.1:1"] }\n' })
    const failure = await tributary(['check', away.path])
    assert.equal(failure.code, 2)
    assert.ok(failure.lines.some(line => /FAILURE +kafka /.test(line)))
  })

  it('does not run where a check fails: it says what and how to mend it, exits with 2 and creates nothing', async () => {
    using folder = configOf(scene, { connector: 'topics: { replication: 99 }\n' })
    const { code, lines } = await tributary(['run', folder.path])
    assert.equal(code, 2)
    const failure = lines.map(line => JSON.parse(line)).find(({ msg }) => msg === 'connector failed')
    assert.equal(failure.code, 'CHECK_FAILED')
    assert.match(
      failure.error,
      /topics.replication: 99 replicas are wanted.* Fix: topics: \{ replication: \d+ \}/,
    )
    await assertNothingCreated(scene)
  })
})

it('prints events without Kafka or registry, and goes on after the last one it printed', async () => {
  await using scene = await openShopScene()
  using folder = configOf(scene, { worker: '' })
  const state = join(folder.path, 'position.json')
  const run = (insert: string, count: number): Promise<Ended> =>
    tributary(['run', join(folder.path, 'shop.yaml'), '--sink', 'stdout', '--state', state], {
      onceSaid: { pattern: /connector streams/, act: () => sql(scene, insert) },
      isEnough: lines => lines.length === count,
    })
  const idsOf = ({ lines }: Ended) => lines.map(line => JSON.parse(line).value.after.id)
  const first = await run('insert into items values (1, 1), (2, 1)', 2)
  assert.deepEqual([first.code, idsOf(first)], [0, [1, 2]])
  await sql(scene, 'insert into items values (3, 1)')
  const second = await run('insert into items values (4, 1)', 2)
  assert.deepEqual([second.code, idsOf(second)], [0, [3, 4]])
})

describe('a connector that has published', () => {
  let scene: ShopScene
  const pages = new Map<string, { status: number; text: string }>()
  before(async () => {
    scene = await openShopScene()
    await using worker = await scene.startWorker()
    await worker.ready()
    await sql(scene, "insert into items values (1, 1, 'one'), (2, 1, 'two')")
    await sql(scene, "update items set name = 'uno' where id = 1")
    await scene.caughtUp(worker)
    for (const page of ['healthz', 'readyz', 'metrics', 'status']) {
      const answer = await fetch(`${worker.url}/${page}`)
      pages.set(page, { status: answer.status, text: await answer.text() })
    }
    worker.signal('SIGTERM')
    assert.equal(await worker.ended(), 0)
  })
  after(() => scene[Symbol.asyncDispose]())

  const consume = (
    words: readonly string[],
    servers = ['--brokers', scene.kafka, '--registry', scene.registry],
  ) => tributary(['consume', `${scene.name}.public.items`, ...servers, ...words])

  it('answers its operators on four pages', () => {
    assert.deepEqual(JSON.parse(pages.get('healthz')?.text ?? ''), {
      healthy: true,
      connectors: { [scene.name]: 'streaming' },
    })
    assert.equal(pages.get('readyz')?.status, 200)
    const metrics = pages.get('metrics')?.text ?? ''
    assert.match(
      metrics,
      new RegExp(`tributary_events_total\\{connector="${scene.name}",table="public.items",op="u"\\} 1`),
    )
    assert.match(metrics, new RegExp(`tributary_lag_seconds\\{connector="${scene.name}"\\} 0`))
    const { connectors } = JSON.parse(pages.get('status')?.text ?? '')
    assert.equal(connectors[0].state, 'streaming')
    assert.deepEqual(connectors[0].held, { records: 0, bytes: 0 })
    assert.equal(pages.get('status')?.text.includes('uno'), false)
  })

  it('is read from the beginning, for people and for programs', async () => {
    const people = await consume(['--until', 'end'])
    assert.equal(people.code, 0)
    assert.ok(people.lines.some(line => / update +id=1 +.*name: "one" -> "uno"/.test(line)))
    const programs = await consume(['--until', 'end', '--json'])
    const events = programs.lines.map(line => JSON.parse(line))
    const told = events.map(({ key, kind, event }) => [key.id, kind, event.op, event.after.name])
    assert.deepEqual(told.filter(([id]) => id > 0).toSorted(), [
      [1, 'event', 'c', 'one'],
      [1, 'event', 'u', 'uno'],
      [2, 'event', 'c', 'two'],
    ])
  })

  it('is read by key, from an offset, from a time, and from its end', async () => {
    const opsOf = ({ lines }: Ended) =>
      lines.map(line => JSON.parse(line)).map(({ key, event }) => [key.id, event.op])
    const byKey = await consume(['--until', 'end', '--json', '--key', '1'])
    assert.deepEqual(opsOf(byKey), [
      [1, 'c'],
      [1, 'u'],
    ])
    const update = JSON.parse(byKey.lines[1] as string)
    const fromOffset = await consume([
      '--until',
      'end',
      '--json',
      '--key',
      '1',
      '--from',
      String(update.offset),
    ])
    assert.deepEqual(opsOf(fromOffset), [[1, 'u']])
    const fromTime = await consume(['--until', 'end', '--json', '--key', '1', '--from', update.timestamp])
    assert.deepEqual(opsOf(fromTime), [[1, 'u']])
    const fromEnd = await consume(['--until', 'end', '--from', 'end'])
    assert.deepEqual([fromEnd.code, fromEnd.lines], [0, []])
  })

  it('is read with the servers of its own configuration', async () => {
    using folder = configOf(scene)
    const { code, lines } = await consume(['--until', 'end', '--key', '2'], ['--config', folder.path])
    assert.deepEqual([code, lines.length], [0, 1])
  })

  it('is read until SIGTERM when no end is named', async () => {
    const ended = await tributary(
      ['consume', `${scene.name}.public.items`, '--brokers', scene.kafka, '--registry', scene.registry],
      { isEnough: lines => lines.length === 3 },
    )
    assert.equal(ended.code, 0)
  })
})
