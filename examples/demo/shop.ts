import type pg from 'pg'

/** Tables of a small shop, and the people who order there. */
const SCHEMA = `
  create table customers (
    id bigint generated always as identity primary key,
    name text not null,
    email text not null unique,
    created_at timestamptz not null default now()
  );
  create table orders (
    id bigint generated always as identity primary key,
    customer_id bigint not null references customers,
    status text not null default 'new',
    total numeric(12,2) not null,
    placed_at timestamptz not null default now(),
    details jsonb
  );
  create table order_lines (
    order_id bigint references orders on delete cascade,
    line int,
    product text not null,
    quantity int not null,
    price numeric(10,2) not null,
    primary key (order_id, line)
  );
  alter table orders replica identity full;
  create table scratch_notes (id int primary key, note text);
`

const STATUSES = ['paid', 'packed', 'shipped', 'delivered']
const PRODUCTS = ['tea', 'kettle', 'cup', 'honey 🍯', 'spoon']

/** Slow enough to be watched. */
const PAUSE_MS = 100

export const TABLES = ['customers', 'orders', 'order_lines'] as const

export async function createShop(client: pg.Client): Promise<void> {
  await client.query(SCHEMA)
}

export interface ShopOptions {
  readonly forMs: number
  /** Called once, in the middle of it all. */
  readonly onSchemaChange: () => void
}

/** Orders come, go on their way and are cancelled; half-way, orders get a column more. Resolves to how many statements ran. */
export async function keepShop(client: pg.Client, { forMs, onSchemaChange }: ShopOptions): Promise<number> {
  const end = performance.now() + forMs
  let changed = false
  let statements = 0
  for (let n = 1; performance.now() < end; n++) {
    if (!changed && performance.now() > end - forMs / 2) {
      await client.query('alter table orders add column gift boolean')
      onSchemaChange()
      changed = true
    }
    statements += await placeOrder(client, n)
    if (n % 2 === 0) statements += await moveOrder(client, n, changed)
    if (n % 5 === 0) statements += await cancelOrder(client)
    await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
  }
  return statements
}

async function placeOrder(client: pg.Client, n: number): Promise<number> {
  await client.query('begin')
  const customer = await client.query<{ id: string }>(
    'insert into customers (name, email) values ($1, $2) returning id',
    [`Customer ${n}`, `customer${n}@example.org`],
  )
  const lines = 1 + (n % 3)
  const order = await client.query<{ id: string }>(
    'insert into orders (customer_id, total, details) values ($1, $2, $3) returning id',
    [customer.rows[0]?.id, (lines * 12.5).toFixed(2), { channel: n % 2 ? 'web' : 'shop', n }],
  )
  for (let line = 1; line <= lines; line++) {
    await client.query('insert into order_lines values ($1, $2, $3, $4, 12.50)', [
      order.rows[0]?.id,
      line,
      PRODUCTS[(n + line) % PRODUCTS.length],
      1,
    ])
  }
  await client.query('insert into scratch_notes values ($1, $2)', [n, 'not published'])
  await client.query('commit')
  return 2 + lines
}

async function moveOrder(client: pg.Client, n: number, withGift: boolean): Promise<number> {
  const status = STATUSES[n % STATUSES.length]
  const gift = withGift ? ', gift = true' : ''
  await client.query(
    `update orders set status = $1${gift} where id in (select id from orders order by id desc offset $2 limit 2)`,
    [status, n % 10],
  )
  return 1
}

async function cancelOrder(client: pg.Client): Promise<number> {
  await client.query('delete from orders where id = (select id from orders order by id offset 3 limit 1)')
  return 1
}
