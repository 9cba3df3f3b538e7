import { join } from 'node:path'
import { createConnection } from 'mysql2/promise'
import { cached } from './cache.ts'
import { unpackedCommand, unpackPackages } from './debian.ts'
import { run } from './process.ts'
import type { Command, Place, Recipe } from './recipe.ts'

const NEEDS = { name: 'mysql', variable: 'TEST_MYSQL_URL' }
/** MySQL is in Debian's unstable suite only. */
const PACKAGES = { suites: ['sid'], names: ['mysql-server-core'] }

/** A binary log that can be followed: whole rows, with column names, and GTIDs. */
export const MYSQL_LOG = {
  'server-id': '1',
  'log-bin': 'binlog',
  'binlog-row-metadata': 'FULL',
  'binlog-row-image': 'FULL',
  'gtid-mode': 'ON',
  'enforce-gtid-consistency': 'ON',
} as const

/** Binary log in row format with GTIDs; one superuser, `root`, without a password. */
export const mysql: Recipe = {
  ...NEEDS,
  ports: 1,
  stopSignal: 'SIGKILL',
  unprivileged: false,

  install: () =>
    cached({
      key: 'mysql-9',
      notice: 'mysql: downloading 9, 60 MB, once',
      fill: folder => unpackPackages(NEEDS, PACKAGES, folder),
    }),

  async prepare(place) {
    await run(await mysqld(place, { 'initialize-insecure': 'ON' }))
  },

  command: place =>
    mysqld(place, {
      ...listenOptions(place),
      mysqlx: 'OFF',
      'plugin-dir': join(place.home, 'usr/lib/mysql/plugin'),
      ...MYSQL_LOG,
      ...place.settings,
    }),

  url: place => `mysql://root@127.0.0.1:${place.ports[0]}/`,

  probe: probeMysql,
}

function mysqld(place: Place, options: Readonly<Record<string, string>>): Promise<Command> {
  return unpackedCommand(place.home, 'usr/sbin/mysqld', [
    '--no-defaults',
    ...optionFlags({
      datadir: place.dataDir,
      tmpdir: place.folder,
      'lc-messages-dir': join(place.home, 'usr/share/mysql'),
      'secure-file-priv': '',
      // It refuses root unless it is told so.
      ...(process.getuid?.() === 0 && { user: 'root' }),
      ...options,
    }),
  ])
}

/** Where MySQL and MariaDB listen, and the files that go with it. */
export function listenOptions(place: Place): Record<string, string> {
  return {
    port: `${place.ports[0]}`,
    'bind-address': '127.0.0.1',
    socket: join(place.folder, 'server.sock'),
    'pid-file': join(place.folder, 'server.pid'),
  }
}

export function optionFlags(options: Readonly<Record<string, string>>): string[] {
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
}

/** MySQL and MariaDB are ready when they answer a statement. */
export async function probeMysql(url: string): Promise<void> {
  const connection = await createConnection(url)
  try {
    await connection.query('select 1')
  } finally {
    await connection.end()
  }
}
