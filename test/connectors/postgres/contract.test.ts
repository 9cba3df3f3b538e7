import { DEFAULT_INBOX_LIMITS } from '../../../connectors/postgres/inbox.ts'
import { type Change, type SourceHarness, type SourceOptions, sourceContract } from '../../contract/source.ts'
import { POSTGRES_SERVERS, TestDatabase } from './database.ts'

for (const { name, start } of POSTGRES_SERVERS) {
  sourceContract({ name, open: async () => harness(await TestDatabase.create((await start()).url)) })
}

async function harness(database: TestDatabase): Promise<SourceHarness> {
  await database.commit(`
    CREATE TABLE items (id int PRIMARY KEY, name text);
    CREATE TABLE elsewhere (id int PRIMARY KEY);
    CREATE PUBLICATION ${database.slot} FOR TABLE items`)
  return {
    source: options => database.source(sourceOptions(options)),
    commit: async (...changes) => database.commit(changes.map(statement).join(';')),
    commitElsewhere: async () =>
      database.commit('INSERT INTO elsewhere SELECT coalesce(max(id), 0) + 1 FROM elsewhere'),
    addColumn: async name => database.commit(`ALTER TABLE items ADD COLUMN ${name} text`),
    cutLink: async () => database.cutLink(),
    sessions: async () => database.sessions(),
    heldBytes: source => Number(source.status().heldBytes ?? 0),
    // What is under way when the link is paused: one read of the socket.
    maxHeldBytes: DEFAULT_INBOX_LIMITS.highWaterBytes + (256 << 10),
    close: async () => database.drop(),
  }
}

function sourceOptions({ limits, linkTimeoutMs, heartbeatMs }: SourceOptions = {}) {
  return {
    settings: { tables: ['public.items'], ...(heartbeatMs ? { heartbeatMs } : {}) },
    session: linkTimeoutMs ? { wal_sender_timeout: `${linkTimeoutMs}ms` } : {},
    ...(limits ? { limits } : {}),
  }
}

function statement(change: Change): string {
  if ('insert' in change) return `INSERT INTO items VALUES (${change.insert}, '${change.name}')`
  if ('update' in change) return `UPDATE items SET name = '${change.name}' WHERE id = ${change.update}`
  if ('move' in change) return `UPDATE items SET id = ${change.to} WHERE id = ${change.move}`
  return `DELETE FROM items WHERE id = ${change.delete}`
}
