import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { unpackedCommand, unpackPackages } from './debian.ts'
import { listenOptions, optionFlags, probeMysql } from './mysql.ts'
import { run } from './process.ts'
import type { Command, Place, Recipe } from './recipe.ts'

const NEEDS = { name: 'mariadb', variable: 'TEST_MARIADB_URL' }
const PACKAGES = { suites: ['bookworm'], names: ['mariadb-server-core'] }

/** What mariadb-install-db feeds to a server that it starts for that; as a script it cannot use our own loader. */
const SYSTEM_TABLES = [
  'mysql_system_tables.sql',
  'mysql_performance_tables.sql',
  'mysql_system_tables_data.sql',
  'maria_add_gis_sp_bootstrap.sql',
  'mysql_sys_schema.sql',
]

/** A binary log that can be followed: whole rows, with column names. GTIDs are always there. */
export const MARIADB_LOG = {
  'server-id': '1',
  'log-bin': 'binlog',
  'binlog-format': 'ROW',
  'binlog-row-metadata': 'FULL',
  'binlog-row-image': 'FULL',
} as const

/** Binary log in row format, GTIDs as always; one superuser, `root`, without a password. */
export const mariadb: Recipe = {
  ...NEEDS,
  ports: 1,
  stopSignal: 'SIGKILL',
  unprivileged: false,

  install: () =>
    cached({
      key: 'mariadb-10.11',
      notice: 'mariadb: downloading 10.11, 20 MB, once',
      fill: folder => unpackPackages(NEEDS, PACKAGES, folder),
    }),

  async prepare(place) {
    const folder = join(place.home, 'usr/share/mysql')
    const scripts = await Promise.all(SYSTEM_TABLES.map(name => readFile(join(folder, name), 'utf8')))
    // Statements end at the end of a line here. The null asks for a root without a password, where otherwise only
    // the system's user of that name could be it.
    const begin = 'create database mysql;\nuse mysql;\nset @auth_root_socket = null;\n'
    await run(await mariadbd(place, ['--bootstrap']), begin + scripts.join('\n'))
  },

  command: place =>
    mariadbd(
      place,
      optionFlags({
        ...listenOptions(place),
        ...MARIADB_LOG,
        ...place.settings,
      }),
    ),

  url: place => `mysql://root@127.0.0.1:${place.ports[0]}/`,

  probe: probeMysql,
}

function mariadbd(place: Place, flags: readonly string[]): Promise<Command> {
  return unpackedCommand(place.home, 'usr/sbin/mariadbd', [
    '--no-defaults',
    ...optionFlags({
      datadir: place.dataDir,
      tmpdir: place.folder,
      'lc-messages-dir': join(place.home, 'usr/share/mysql'),
      'character-sets-dir': join(place.home, 'usr/share/mysql/charsets'),
      ...(process.getuid?.() === 0 && { user: 'root' }),
    }),
    ...flags,
  ])
}
