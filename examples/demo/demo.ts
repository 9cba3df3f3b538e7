// The main job on real servers: brings them up, runs the worker on examples/shop, keeps a shop busy, rebuilds its
// tables from the topics in another process, and compares. `--keep` leaves everything running until Ctrl-C.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { service, stopServices } from '../../test/services/index.ts'
import { freePorts } from '../../test/services/ports.ts'
import { DATABASES, removeTraces } from './clean.ts'
import { type Comparison, compareTables } from './compare.ts'
import { createShop, keepShop } from './shop.ts'

const WRITE_FOR_MS = 15_000
const CATCH_UP_MS = 30_000
const POLL_MS = 250

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const say = (text: string) => console.log(`\n== ${text}`)
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

interface Servers {
  readonly postgres: string
  readonly kafka: string
  readonly registry: string
}

async function startServers(): Promise<Servers> {
  say('Postgres, Kafka and the schema registry start (the first time they are downloaded)')
  const [postgres, kafka, registry] = await Promise.all([
    service('postgres'),
    service('kafka'),
    service('registry'),
  ])
  return { postgres: postgres.url, kafka: kafka.url, registry: registry.url }
}

/** A database of its own on the server; resolves to its URL. */
async function createDatabase(server: string, name: string): Promise<string> {
  const admin = new pg.Client({ connectionString: server })
  await admin.connect()
  await admin.query(`create database ${name}`)
  await admin.end()
  return Object.assign(new URL(server), { pathname: `/${name}` }).href
}

function startNode(
  script: string,
  args: readonly string[],
  environment: Record<string, string>,
): ChildProcess {
  return spawn(process.execPath, ['--conditions=tributary-source', path(script), ...args], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
}

const ended = (child: ChildProcess) =>
  new Promise<number>(resolve => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode ?? 1)
    else child.once('exit', code => resolve(code ?? 1))
  })

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + CATCH_UP_MS
  while (!(await holds().catch(() => false))) {
    if (performance.now() > end) throw new Error(`after ${CATCH_UP_MS / 1000} s, still not so: ${what}`)
    await pause(POLL_MS)
  }
}

function report(comparisons: readonly Comparison[]): boolean {
  say('Built from the topics, compared with the database')
  console.table(comparisons)
  const equal = comparisons.every(({ different }) => different === 0)
  console.log(equal ? 'Every table is equal.' : 'There are differences: that is a bug, please report it.')
  return equal
}

async function demo(servers: Servers, children: ChildProcess[]): Promise<boolean> {
  const database = await createDatabase(servers.postgres, DATABASES.shop)
  const viewUrl = await createDatabase(servers.postgres, DATABASES.view)
  const shop = new pg.Client({ connectionString: database })
  const view = new pg.Client({ connectionString: viewUrl })
  await Promise.all([shop.connect(), view.connect()])
  await createShop(shop)

  const [port] = await freePorts(1)
  const environment = { KAFKA_BROKERS: servers.kafka, REGISTRY_URL: servers.registry, SHOP_URL: database }
  say(`The worker starts: tributary run examples/shop   (http://127.0.0.1:${port}/status)`)
  children.push(
    startNode('../../bin/tributary.ts', ['run', path('../shop')], {
      ...environment,
      HTTP_PORT: String(port),
    }),
  )
  await until('the worker is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok)

  say(
    `A shop takes orders for ${WRITE_FOR_MS / 1000} s, and another process builds its tables from the topics`,
  )
  const written = keepShop(shop, {
    forMs: WRITE_FOR_MS,
    onSchemaChange: () =>
      say('alter table orders add column gift: later events have the field, earlier ones do not'),
  })
  await until('the first topics are there', async () =>
    (await fetch(`http://127.0.0.1:${port}/metrics`))
      .text()
      .then(text => /events_total\{.*order_lines/.test(text)),
  )
  children.push(
    startNode('../consumer/consumer.ts', [], {
      ...environment,
      VIEW_URL: viewUrl,
      TOPICS: '^shop\\.public\\.',
    }),
  )
  say(`${await written} statements are committed; the consumer catches up`)

  await until('the view equals the database', async () =>
    (await compareTables(shop, view)).every(({ different }) => different === 0),
  ).catch(() => undefined)
  const equal = report(await compareTables(shop, view))
  if (process.argv.includes('--keep')) await keepRunning(servers)
  await Promise.all([shop.end(), view.end()])
  return equal
}

async function keepRunning(servers: Servers): Promise<void> {
  say('Everything keeps running; Ctrl-C ends it. Try in another shell:')
  console.log(
    `  npx tributary consume shop.public.orders --brokers ${servers.kafka} --registry ${servers.registry}`,
  )
  console.log(`  psql ${servers.postgres.replace(/\/postgres$/, `/${DATABASES.shop}`)}`)
  await new Promise(resolve => process.once('SIGINT', resolve))
}

const children: ChildProcess[] = []
try {
  const servers = await startServers()
  await removeTraces(servers)
  try {
    process.exitCode = (await demo(servers, children)) ? 0 : 1
  } finally {
    for (const child of children) child.kill('SIGTERM')
    await Promise.all(children.map(ended))
    await removeTraces(servers)
  }
} catch (error) {
  console.error(`\n${(error as Error).message}`)
  process.exitCode = 1
} finally {
  await stopServices()
}
