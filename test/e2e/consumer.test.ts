import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withClient } from '../support/audited-shop.ts'
import { openShopScene, type ShopScene } from '../support/shop-scene.ts'
import { until } from '../support/until.ts'

const CONSUMER = fileURLToPath(new URL('../../examples/consumer/consumer.ts', import.meta.url))

/** Inserts, updates, deletes, one insert again, and the change by which the scene knows that all is published. */
const EVENTS = 20 + 10 + 5 + 1 + 1

const VIEW = `
  create table rows (topic text, key jsonb, value jsonb, coordinate text collate "C", primary key (topic, key))`

/** A change that comes again must not touch the row: this notes every one that does. */
const NOTE_CHANGES = `
  create table noted (key jsonb, coordinate text);
  create function note() returns trigger language plpgsql as
    $$ begin insert into noted values (new.key, new.coordinate); return null; end $$;
  create trigger note after insert or update on rows for each row execute function note()`

it('a consumer that keeps the coordinate beside each row ends with the same rows when it reads everything again, without any tombstone', async () => {
  await using scene = await openShopScene({ settings: 'tombstones: false\n' })
  await using worker = await scene.startWorker()
  await worker.ready()
  await withClient(scene.databaseUrl, async client => {
    await client.query(`insert into items select n, 1 from generate_series(1, 20) n`)
    await client.query(`update items set version = 2 where id <= 10`)
    await client.query('delete from items where id <= 5')
    // A key that lives again: the delete before it must not win, however late it comes.
    await client.query(`insert into items values (1, 3)`)
  })
  await scene.caughtUp(worker)
  await using view = await createView(scene)
  const equal = async () => (await viewed(view.url, scene)) === (await stored(scene))
  await consume(scene, view.url, () => until('the view equals the table', equal))
  await withClient(view.url, client => client.query(NOTE_CHANGES))
  await consume(scene, view.url, eventsRead => until('all is read again', () => eventsRead() >= EVENTS))
  const noted = await withClient(view.url, client => client.query('select * from noted'))
  assert.deepEqual(noted.rows, [])
  assert.ok(await equal())
})

/** A database of its own on the scene's server, which nobody captures, with the table that the example makes. */
async function createView({ databaseUrl, name }: ShopScene): Promise<AsyncDisposable & { url: string }> {
  await withClient(databaseUrl, client => client.query(`create database ${name}_view`))
  const url = Object.assign(new URL(databaseUrl), { pathname: `/${name}_view` }).href
  await withClient(url, client => client.query(VIEW))
  return {
    url,
    async [Symbol.asyncDispose]() {
      await withClient(databaseUrl, client => client.query(`drop database ${name}_view with (force)`))
    },
  }
}

/** Runs the example from offset 0 until `done`; it prints a line for each event. */
async function consume(
  { kafka, registry, name }: ShopScene,
  viewUrl: string,
  done: (eventsRead: () => number) => Promise<void>,
): Promise<void> {
  const child = spawn(process.execPath, ['--conditions=tributary-source', CONSUMER], {
    env: {
      ...process.env,
      KAFKA_BROKERS: kafka,
      REGISTRY_URL: registry,
      VIEW_URL: viewUrl,
      TOPICS: `^${name}\\.public\\.`,
      GROUP: `view-${randomUUID()}`,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let lines = 0
  createInterface({ input: child.stdout }).on('line', () => lines++)
  const ended = once(child, 'exit')
  try {
    await Promise.race([
      done(() => lines),
      ended.then(() => Promise.reject(new Error('the consumer has ended'))),
    ])
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** Keys and versions of the rows that are there, as text. */
async function viewed(viewUrl: string, { name }: ShopScene): Promise<string> {
  const { rows } = await withClient(viewUrl, client =>
    client.query<{ id: number; version: number }>(
      `select (value->>'id')::int as id, (value->>'version')::int as version from rows
       where topic = $1 and value <> 'null' order by 1`,
      [`${name}.public.items`],
    ),
  )
  return JSON.stringify(rows)
}

async function stored({ databaseUrl }: ShopScene): Promise<string> {
  const { rows } = await withClient(databaseUrl, client =>
    client.query('select id, version from items order by id'),
  )
  return JSON.stringify(rows)
}
