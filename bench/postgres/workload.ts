import pg from 'pg'

// The workload that all figures speak of: an orders table of 12 columns, transactions of 100 rows: 60 inserts,
// 30 updates with full before image, 10 deletes.

export const ROWS_PER_TRANSACTION = 100

const SCHEMA = `
  create table orders (
    id bigint primary key, customer_id int not null, status text not null, total numeric(12,2) not null,
    currency char(3) not null, placed_at timestamptz not null, updated_at timestamp, note varchar(200),
    quantity int, weight double precision, paid boolean, reference uuid
  );
  alter table orders replica identity full;
  create sequence order_ids;
`

export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client
}

export async function createOrders(url: string): Promise<void> {
  const client = await connect(url)
  await client.query(SCHEMA)
  await client.end()
}

const INSERT = (first: number, count: number) =>
  `insert into orders select g, g % 1000, 'new', g * 0.37, 'EUR', now(), now(), 'note of order ' || g, g % 7,
     g * 0.5, g % 2 = 0, gen_random_uuid() from generate_series(${first}, ${first + count - 1}) g;`

/** One statement list that makes many transactions in one round trip. */
function transactions(firstId: number, count: number): string {
  let sql = ''
  for (let index = 0; index < count; index++) {
    const id = firstId + index * 60
    sql += `begin;${INSERT(id, 60)}`
    sql += `update orders set status = 'paid', updated_at = now(), paid = true where id between ${id} and ${id + 29};`
    sql += `delete from orders where id between ${id + 50} and ${id + 59};commit;`
  }
  return sql
}

/** Commits this many row changes. */
export async function writeBacklog(url: string, changes: number): Promise<void> {
  const client = await connect(url)
  await client.query('set synchronous_commit = off')
  const total = Math.round(changes / ROWS_PER_TRANSACTION)
  for (let done = 0; done < total; done += 100) {
    await client.query(transactions(1 + done * 60, Math.min(100, total - done)))
  }
  await client.end()
}
