import assert from 'node:assert/strict'
import { it } from 'node:test'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { readTopic } from '../support/topic-reader.ts'
import { until } from '../support/until.ts'

it('a column that is added, renamed or dropped is so from its very row on, also in the middle of a transaction', async () => {
  await using scene = await openShopScene()
  const statements = [
    'create table things (id int primary key, a text)',
    "insert into things values (1, 'one')",
    'begin',
    "insert into things values (2, 'two')",
    'alter table things add column n numeric(6,3)',
    "insert into things values (3, 'three', 3.5)",
    'commit',
    'alter table things rename column a to b',
    "insert into things values (4, 'four', 4)",
    'alter table things drop column b',
    'insert into things values (5, 5)',
  ]
  const [create = '', ...changes] = statements
  await withClient(scene.databaseUrl, client => client.query(create))
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    for (const statement of changes) await client.query(statement)
  })
  await scene.caughtUp(worker)
  const events = await readTopic(scene.kafka, scene.registry, `${scene.name}.public.things`)
  const rows = events.map(({ value }) => value?.after).toSorted((x, y) => Number(x?.id) - Number(y?.id))
  assert.deepEqual(
    rows.map(row => ({ ...row })),
    [
      { id: 1, a: 'one' },
      { id: 2, a: 'two' },
      { id: 3, a: 'three', n: '3.500' },
      { id: 4, b: 'four', n: '4.000' },
      { id: 5, n: '5.000' },
    ],
  )
})

it('a key that is replaced stops the connector before its first row, and what came before is published', async () => {
  await using scene = await openShopScene()
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    await client.query("insert into items values (1, 1, 'before')")
    // The order of a key's columns is only in the catalog: it must have been looked up before it changes.
    await until('the row is published', async () => (await worker.status()).recordsWritten === 1)
    await client.query('begin')
    await client.query("insert into items values (2, 1, 'in the same transaction')")
    await client.query('alter table items drop constraint items_pkey, add primary key (version, id)')
    await client.query("insert into items values (3, 1, 'after')")
    await client.query('commit')
  })
  assert.equal(await worker.ended(), 1)
  const failure = worker.log.find(({ msg }) => msg === 'connector failed')
  assert.equal(failure?.code, 'SCHEMA_INCOMPATIBLE')
  assert.match(String(failure?.error), /public\.items.*the key has changed.*\(id .*\).*\(version .*id .*\)/)
  const events = await readTopic(scene.kafka, scene.registry, `${scene.name}.public.items`)
  // Transactions are published whole: of the second, nothing is.
  assert.deepEqual(
    events.map(({ value }) => value?.after?.id),
    [1],
  )
})

it('a change that readers could not follow stops the connector before its first row, with both shapes', async () => {
  await using scene = await openShopScene()
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    await client.query("insert into items values (1, 1, 'before')")
    await client.query('alter table items alter column name type int using 7')
    await client.query('insert into items values (2, 1, 8)')
  })
  assert.equal(await worker.ended(), 1)
  const failure = worker.log.find(({ msg }) => msg === 'connector failed')
  assert.equal(failure?.code, 'SCHEMA_INCOMPATIBLE')
  assert.match(String(failure?.error), /public\.items.*name was string and is now int/)
  const events = await readTopic(scene.kafka, scene.registry, `${scene.name}.public.items`)
  assert.deepEqual(
    events.map(({ value }) => value?.after?.id),
    [1],
  )
})
