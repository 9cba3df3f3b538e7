import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { service } from '../services/index.ts'
import {
  AUDITED_TABLES,
  committedChanges,
  createAuditedShop,
  foldedByKey,
  publishedChanges,
  tableRows,
  withClient,
} from './audited-shop.ts'
import { fold, type ReadEvent, readTopic } from './topic-reader.ts'
import { until } from './until.ts'
import { configFolder, startWorker, type Worker } from './worker.ts'

/** A database with audited tables, a folder that configures a connector for it, and what it takes to judge the topics. */
export interface ShopScene extends AsyncDisposable {
  /** The connector's name, and the prefix of its topics. */
  readonly name: string
  readonly databaseUrl: string
  readonly kafka: string
  readonly registry: string
  startWorker(): Promise<Worker>
  /** Waits until the worker has published everything that is committed now. */
  caughtUp(worker: Worker): Promise<void>
  /**
   * Every committed change is in the topics exactly once, in commit order per key; coordinates grow; folded
   * topics equal the tables. Resolves to the number of changes.
   */
  proveExactlyOnce(): Promise<number>
}

export interface SceneOptions {
  /** Servers of the test's own, in place of the shared ones. */
  readonly postgres?: string
  readonly kafka?: string
  readonly registry?: string
  /** More lines for the connector's file. */
  readonly settings?: string
}

export async function openShopScene(options: SceneOptions = {}): Promise<ShopScene> {
  const url = async (name: 'kafka' | 'registry' | 'postgres15', own: string | undefined) =>
    own ?? (await service(name)).url
  const kafka = await url('kafka', options.kafka)
  const registry = await url('registry', options.registry)
  const server = await url('postgres15', options.postgres)
  const name = `shop_${randomBytes(4).toString('hex')}`
  await withClient(server, client => client.query(`create database ${name}`))
  const databaseUrl = Object.assign(new URL(server), { pathname: `/${name}` }).href
  await createAuditedShop(databaseUrl)
  const folder = configFolder({
    'worker.yaml': `kafka: { brokers: ["${kafka}"] }\nregistry: { url: ${registry} }\nhttp: { host: 127.0.0.1, port: "\${HTTP_PORT}" }\n`,
    'shop.yaml': `name: ${name}\nsource:\n  type: postgres\n  url: ${databaseUrl}\n  tables: ["public.*", "!public.audit"]\ntopics: { partitions: 3 }\n${options.settings ?? ''}`,
  })
  return {
    name,
    databaseUrl,
    kafka,
    registry,
    startWorker: () => startWorker(folder.path),
    caughtUp: worker => untilCaughtUp(databaseUrl, worker),
    proveExactlyOnce: () => proveExactlyOnce({ name, databaseUrl, kafka, registry }),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
      await dropDatabase(server, name)
    },
  }
}

/** What is committed from now on is in the stream, whichever worker reads it. */
export async function beginStream(scene: ShopScene): Promise<void> {
  await using worker = await scene.startWorker()
  await worker.ready()
}

/** A change to a row of its own, seen durable, means that everything before it is. */
async function untilCaughtUp(databaseUrl: string, worker: Worker): Promise<void> {
  const { rows } = await withClient(databaseUrl, client =>
    client.query<{ lsn: string }>(
      'insert into items values (-1, 1) on conflict (id) do update set version = items.version + 1 returning pg_current_wal_insert_lsn()::text as lsn',
    ),
  )
  const target = lsnNumber(rows[0]?.lsn ?? '')
  await until('everything committed is durable', async () => {
    const { checkpoint } = await worker.status()
    const durable = /lsn=([0-9A-F]+\/[0-9A-F]+)/.exec(checkpoint.stream?.position ?? '')?.[1]
    return durable !== undefined && lsnNumber(durable) > target
  })
}

function lsnNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

async function proveExactlyOnce(
  scene: Pick<ShopScene, 'name' | 'databaseUrl' | 'kafka' | 'registry'>,
): Promise<number> {
  let changes = 0
  for (const table of AUDITED_TABLES) {
    const events = await readTopic(scene.kafka, scene.registry, `${scene.name}.public.${table}`)
    assertCoordinatesGrow(events)
    assertSameByKey(publishedChanges(events), await committedChanges(scene.databaseUrl, table))
    assertSameByKey(foldedByKey(fold(events)), await tableRows(scene.databaseUrl, table))
    changes += events.filter(({ value }) => value !== null).length
  }
  return changes
}

/** Key by key, so that a difference is told by its key and not by everything there is. */
function assertSameByKey(
  published: ReadonlyMap<string, unknown>,
  committed: ReadonlyMap<string, unknown>,
): void {
  for (const key of new Set([...published.keys(), ...committed.keys()])) {
    assert.deepEqual(published.get(key), committed.get(key), `published and committed differ for ${key}`)
  }
}

function assertCoordinatesGrow(events: readonly ReadEvent[]): void {
  const last = new Map<number, string>()
  const seen = new Set<string>()
  for (const { partition, offset, value } of events) {
    if (value === null) continue
    const { sequence } = value.source
    assert.equal(seen.has(sequence), false, `coordinate ${sequence} comes twice`)
    assert.ok(sequence > (last.get(partition) ?? ''), `partition ${partition} goes back at offset ${offset}`)
    seen.add(sequence)
    last.set(partition, sequence)
  }
}

async function dropDatabase(server: string, name: string): Promise<void> {
  await withClient(server, async client => {
    await until('the slot is free', async () => {
      const { rows } = await client.query('select active from pg_replication_slots where database = $1', [
        name,
      ])
      return rows.every(({ active }) => !active)
    })
    await client.query(
      'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = $1',
      [name],
    )
    await client.query(`drop database ${name} with (force)`)
  }).catch(error => {
    // A server of the test's own may be gone before its scene.
    if (!/ECONNREFUSED/.test(String(error))) throw error
  })
}
