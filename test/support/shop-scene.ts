import { randomBytes } from 'node:crypto'
import { service } from '../services/index.ts'
import { createAuditedShop, withClient } from './audited-shop.ts'
import { proveAtLeastOnce, proveExactlyOnce } from './proofs.ts'
import { until } from './until.ts'
import { configFolder, startWorker, type Worker } from './worker.ts'

/** A database with audited tables, a folder that configures a connector for it, and what it takes to judge the topics. */
export interface ShopScene extends AsyncDisposable {
  /** The connector's name, and the prefix of its topics. */
  readonly name: string
  readonly databaseUrl: string
  readonly kafka: string
  readonly registry: string
  /** `node`: words for Node, before the program's name. */
  startWorker(node?: readonly string[]): Promise<Worker>
  /** Waits until the worker has published everything that is committed now. */
  caughtUp(worker: Worker): Promise<void>
  /** See `proofs.ts`. */
  proveExactlyOnce(): Promise<number>
  proveAtLeastOnce(): Promise<{ changes: number; repeats: number }>
}

export interface SceneOptions {
  /** Servers of the test's own, in place of the shared ones. */
  readonly postgres?: string
  readonly kafka?: string
  readonly registry?: string
  /** `HOST:PORT` through which the worker reaches them, when not directly; the judge and the load always do. */
  readonly via?: { readonly postgres?: string; readonly kafka?: string; readonly registry?: string }
  /** `?NAME=VALUE` for the worker's database URL. */
  readonly urlOptions?: string
  /** More lines for the connector's file. */
  readonly settings?: string
  /** One more line for its `source` block. */
  readonly sourceSettings?: string
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
  const { via = {}, urlOptions = '', settings = '', sourceSettings = '' } = options
  const workerUrl = `${through(databaseUrl, via.postgres)}${urlOptions}`
  const folder = configFolder({
    'worker.yaml': `kafka: { brokers: ["${via.kafka ?? kafka}"] }\nregistry: { url: ${through(registry, via.registry)} }\nhttp: { host: 127.0.0.1, port: "\${HTTP_PORT}" }\n`,
    'shop.yaml': `name: ${name}\nsource:\n  type: postgres\n  url: ${workerUrl}\n  tables: ["public.*", "!public.audit"]\n  ${sourceSettings}\ntopics: { partitions: 3 }\n${settings}`,
  })
  const judged = { name, databaseUrl, kafka, registry }
  return {
    name,
    databaseUrl,
    kafka,
    registry,
    startWorker: node => startWorker(folder.path, undefined, node),
    caughtUp: worker => untilCaughtUp(databaseUrl, worker),
    proveExactlyOnce: () => proveExactlyOnce(judged),
    proveAtLeastOnce: () => proveAtLeastOnce(judged),
    async [Symbol.asyncDispose]() {
      folder[Symbol.dispose]()
      await dropDatabase(server, name)
    },
  }
}

const through = (url: string, address: string | undefined) =>
  address === undefined ? url : Object.assign(new URL(url), { host: address }).href

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
  await until(
    'everything committed is durable',
    async () => {
      const { checkpoint } = await worker.status()
      const durable = /lsn=([0-9A-F]+\/[0-9A-F]+)/.exec(checkpoint.stream?.position ?? '')?.[1]
      return durable !== undefined && lsnNumber(durable) > target
    },
    180_000,
  )
}

function lsnNumber(lsn: string): bigint {
  const [high = '0', low = '0'] = lsn.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
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
