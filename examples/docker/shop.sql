-- Run once by the Postgres image, in a new database.
create table customers (
  id bigint generated always as identity primary key,
  name text not null,
  email text not null unique
);

create table orders (
  id bigint generated always as identity primary key,
  customer_id bigint not null references customers,
  total numeric(10, 2) not null,
  placed_at timestamptz not null default now()
);

-- Updates and deletes then carry the whole row as it was before.
alter table customers replica identity full;
alter table orders replica identity full;
