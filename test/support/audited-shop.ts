import pg from 'pg'
import type { ReadEvent } from './topic-reader.ts'

// Two tables under random load, with a trigger that writes down every change in the transaction that makes it:
// what is in `audit` is what was committed, whoever was killed meanwhile.

const SCHEMA = `
  create table items (
    id int primary key, version int not null, name text, amount numeric(12,2), changed_at timestamptz, body jsonb
  );
  alter table items replica identity full;
  create table places (
    street text, number int, version int not null, note text, primary key (street, number)
  );
  create table audit (seq bigserial primary key, tab text, key jsonb, op text, version int);
  create function key_of(r jsonb, names text[]) returns jsonb language sql immutable
    as $$ select jsonb_object_agg(name, r->name) from unnest(names) name $$;
  create function audited() returns trigger language plpgsql as $$
  declare
    old_key jsonb = case when tg_op <> 'INSERT' then key_of(to_jsonb(old), tg_argv) end;
    new_key jsonb = case when tg_op <> 'DELETE' then key_of(to_jsonb(new), tg_argv) end;
  begin
    if old_key = new_key then
      insert into audit (tab, key, op, version) values (tg_table_name, new_key, 'u', new.version);
      return null;
    end if;
    if old_key is not null then insert into audit (tab, key, op) values (tg_table_name, old_key, 'd'); end if;
    if new_key is not null then
      insert into audit (tab, key, op, version) values (tg_table_name, new_key, 'c', new.version);
    end if;
    return null;
  end $$;
  create trigger audited after insert or update or delete on items
    for each row execute function audited('id');
  create trigger audited after insert or update or delete on places
    for each row execute function audited('street', 'number');
`

export const AUDITED_TABLES = ['items', 'places'] as const

export async function createAuditedShop(url: string): Promise<void> {
  await withClient(url, client => client.query(SCHEMA))
}

export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A load that runs until it is stopped; a server that is away is tried again. */
export interface Load extends AsyncDisposable {
  /** Ends after the transactions under way. */
  stop(): Promise<void>
}

export interface LoadOptions {
  readonly sessions?: number
  /** After each transaction, so that loads side by side leave each other room. */
  readonly pauseMs?: number
}

export function startLoad(url: string, { sessions = 3, pauseMs = 0 }: LoadOptions = {}): Load {
  let running = true
  const isRunning = async () => {
    if (pauseMs > 0) await new Promise(resolve => setTimeout(resolve, pauseMs))
    return running
  }
  const loops = Array.from({ length: sessions }, () => keepWriting(url, isRunning))
  const stop = async () => {
    running = false
    await Promise.all(loops)
  }
  return { stop, [Symbol.asyncDispose]: stop }
}

async function keepWriting(url: string, isRunning: () => Promise<boolean>): Promise<void> {
  while (await isRunning()) {
    const client = new pg.Client({ connectionString: url })
    // The server may end the link while nothing is asked of it; the next statement tells.
    client.on('error', () => undefined)
    try {
      await client.connect()
      while (await isRunning()) await writeTransaction(client)
    } catch (error) {
      if (!isOutage(error)) throw error
      await new Promise(resolve => setTimeout(resolve, 50))
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

const isOutage = (error: unknown) =>
  /ECONN|terminat|57P0|53300|shutting down|starting up|not queryable|recovery/.test(
    `${(error as { code?: string }).code} ${error}`,
  )

/**
 * Two transactions of many rows each, far more than a write to Kafka holds: they reach the topics in pieces. Their keys
 * are not the load's.
 */
export async function writeLargeTransactions(url: string, rows = 60_000): Promise<void> {
  await withClient(url, async client => {
    await client.query(
      `insert into items select g, 1, 'large', 0.5, now(), '{}' from generate_series(100001, 100000 + $1::int) g`,
      [rows],
    )
    await client.query('update items set version = version + 1 where id > 100000')
  })
}

/** Serialisation is not asked for, so only these come up between sessions that write the same rows. */
const CONFLICTS = ['23505', '40P01']

const random = (limit: number) => Math.floor(Math.random() * limit)

async function writeTransaction(client: pg.Client): Promise<void> {
  await client.query('begin')
  try {
    for (let statements = 1 + random(6); statements > 0; statements--) await writeStatement(client)
    await client.query(random(10) === 0 ? 'rollback' : 'commit')
  } catch (error) {
    await client.query('rollback')
    if (!CONFLICTS.includes((error as { code?: string }).code ?? '')) throw error
  }
}

async function writeStatement(client: pg.Client): Promise<void> {
  const id = random(500)
  const street = `Street ${random(20)}, “é”`
  switch (random(8)) {
    case 0:
    case 1:
      await client.query(
        `insert into items select g, 1, 'item ' || g, g * 1.25, clock_timestamp(), jsonb_build_object('n', g)
         from generate_series($1::int, $1::int + 3) g on conflict (id) do nothing`,
        [id],
      )
      return
    case 2:
    case 3:
      await client.query(
        `update items set version = version + 1, amount = amount - 0.01, changed_at = clock_timestamp()
         where id in (select id from items where id >= $1 order by id limit 4 for update)`,
        [id],
      )
      return
    case 4:
      await client.query('delete from items where id = $1', [id])
      return
    case 5:
      await client.query('insert into places values ($1, $2, 1, repeat($1, $2)) on conflict do nothing', [
        street,
        id % 50,
      ])
      return
    case 6:
      await client.query(
        'update places set version = version + 1, number = $2 where street = $1 and number = $3',
        [street, random(50), random(50)],
      )
      return
    default:
      await client.query('delete from places where street = $1 and number = $2', [street, id % 50])
  }
}

/** What was committed, by table and key: `c1`, `u2`, `d2`, in commit order. */
export async function committedChanges(url: string, table: string): Promise<Map<string, string[]>> {
  const rows = await withClient(url, async client => {
    const result = await client.query<{ key: string; op: string; version: number }>(
      'select key::text, op, version from audit where tab = $1 order by seq',
      [table],
    )
    return result.rows
  })
  const changes = new Map<string, string[]>()
  for (const { key, op, version } of rows) {
    const text = canonical(JSON.parse(key) as Record<string, unknown>)
    changes.set(text, [...(changes.get(text) ?? []), op === 'd' ? 'd' : `${op}${version}`])
  }
  return changes
}

/** What the topic tells, in the same words. */
export function publishedChanges(events: readonly ReadEvent[]): Map<string, string[]> {
  const changes = new Map<string, string[]>()
  for (const { key, value } of events) {
    if (key === null || value === null) continue
    const text = canonical(JSON.parse(key) as Record<string, unknown>)
    changes.set(text, [
      ...(changes.get(text) ?? []),
      value.op === 'd' ? 'd' : `${value.op}${value.after?.version}`,
    ])
  }
  return changes
}

const canonical = (key: Record<string, unknown>) => JSON.stringify(Object.entries(key).toSorted())

/** The rows of a table as the topics' Avro shows them. */
export async function tableRows(url: string, table: string): Promise<Map<string, Record<string, unknown>>> {
  const select =
    table === 'items'
      ? `select jsonb_build_object('id', id) as key, id, version, name, amount::text,
           (extract(epoch from changed_at) * 1000000)::bigint as changed_at, body::text from items`
      : `select jsonb_build_object('street', street, 'number', number) as key, * from places`
  const rows = await withClient(
    url,
    async client => (await client.query<Record<string, unknown>>(select)).rows,
  )
  return new Map(
    rows.map(({ key, ...row }) => {
      if (typeof row.changed_at === 'string') row.changed_at = Number(row.changed_at)
      return [canonical(key as Record<string, unknown>), row]
    }),
  )
}

export const foldedByKey = (rows: ReadonlyMap<string, Readonly<Record<string, unknown>>>) =>
  new Map([...rows].map(([key, row]) => [canonical(JSON.parse(key) as Record<string, unknown>), { ...row }]))
