import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Finding } from '../../../core/types.ts'
import { findings, onEveryServer, type Scene } from './scene.ts'

onEveryServer('check', scene => {
  tables(scene)
  others(scene)
  generated(scene)
  rights(scene)
  slots(scene)
})

/** `public.t failure`, of what is not in order. */
const problems = (found: readonly Finding[]): string[] =>
  found.filter(({ severity }) => severity !== 'ok').map(({ subject, severity }) => `${subject} ${severity}`)

/** Runs the statement that a finding gives. Comments are for people. */
async function mend({ database }: Scene, found: readonly Finding[], subject: string): Promise<void> {
  const fix = found.find(finding => finding.subject === subject && finding.severity !== 'ok')?.fix
  assert.ok(fix, `no fix for ${subject}`)
  await database.commit(fix.replace(/--.*$/, ''))
}

function tables(scene: Scene): void {
  it('refuses to publish tables whose updates would fail from then on, and its fix mends that', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE good (id int PRIMARY KEY); CREATE TABLE keyless (id int);
      CREATE TABLE "Nothing" (id int PRIMARY KEY); ALTER TABLE "Nothing" REPLICA IDENTITY NOTHING;
      CREATE TABLE later (id int PRIMARY KEY DEFERRABLE)`)
    const found = await findings(scene)
    assert.deepEqual(problems(found), [
      'public.Nothing failure',
      'public.keyless failure',
      'public.keyless warning',
      'public.later failure',
    ])
    for (const name of ['public.Nothing', 'public.later', 'public.keyless']) await mend(scene, found, name)
    assert.deepEqual(problems(await findings(scene)), ['public.keyless warning'])
  })

  it('finds tables that the publication does not bring: named ones must come, matching ones are told', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY);
      CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE UNLOGGED TABLE u (id int PRIMARY KEY);
      CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE PUBLICATION ${database.slot} FOR TABLE a (id), p WITH (publish = 'insert, update')`)
    const options = { settings: { tables: ['public.b', 'public.*', 'public.missing'] } }
    const found = await findings(scene, options)
    assert.deepEqual(problems(found), [
      `publication ${database.slot} failure`,
      'tables: public.missing failure',
      'public.a warning',
      'public.b failure',
      'public.c warning',
      'public.p warning',
      'public.u warning',
    ])
    const subjects = ['a', 'b', 'c', 'p', 'u'].map(name => `public.${name}`)
    for (const subject of [`publication ${database.slot}`, ...subjects]) await mend(scene, found, subject)
    const rest = await findings(scene, options)
    assert.deepEqual(problems(rest), ['tables: public.missing failure', 'public.u warning'])
    await mend(scene, rest, 'public.u')
    assert.deepEqual(problems(await findings(scene, { settings: { tables: ['public.*'] } })), [])
  })

  it('finds partitions that log other old rows than their table promises', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE "P1" PARTITION OF p FOR VALUES FROM (0) TO (10);
      ALTER TABLE p REPLICA IDENTITY FULL`)
    const found = await findings(scene)
    assert.deepEqual(problems(found), ['public.P1 warning'])
    await mend(scene, found, 'public.P1')
    assert.deepEqual(problems(await findings(scene)), [])
  })

  it('finds keys in the settings that fit no table, or that deletes would come without', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE a (id int PRIMARY KEY, v int); CREATE TABLE i (id int PRIMARY KEY, u int NOT NULL UNIQUE);
      ALTER TABLE i REPLICA IDENTITY USING INDEX i_u_key`)
    const keys = { 'public.a': ['v'], 'public.none': ['id'] }
    const found = await findings(scene, { settings: { keys } })
    assert.deepEqual(problems(found), ['keys: public.none failure', 'public.a failure', 'public.i warning'])
    await mend(scene, found, 'public.a')
    await mend(scene, found, 'public.i')
    assert.deepEqual(problems(await findings(scene, { settings: { keys: { 'public.a': ['v'] } } })), [])
    const wrong = await findings(scene, { settings: { keys: { 'public.a': ['w'] } } })
    assert.deepEqual(problems(wrong), ['public.a failure'])
  })

  it('lets names stand of tables and columns that are gone, once there is a slot that may hold their rows', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, c int)')
    const settings = { tables: ['public.a', 'public.b'], keys: { 'public.a': ['id'], 'public.b': ['c'] } }
    await (await scene.begin()).stop()
    await database.commit('DROP TABLE a; ALTER TABLE b DROP c')
    const found = await findings(scene, { settings })
    assert.deepEqual(
      found
        .filter(({ subject }) => /public\./.test(subject))
        .map(({ subject, severity }) => [subject, severity]),
      ['tables: public.a', 'keys: public.a', 'public.b'].map(subject => [subject, 'warning']),
    )
  })
}

function others(scene: Scene): void {
  it('says of what has no changes of its own what it is, and how to leave it out', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY); CREATE VIEW v AS SELECT 1; CREATE MATERIALIZED VIEW m AS SELECT 1 AS id;
      CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
      CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; CREATE FOREIGN TABLE f (id int) SERVER s`)
    const warned = await findings(scene)
    assert.deepEqual(problems(warned), ['public.f warning'])
    const exclusion =
      /"(.*)"/.exec(warned.find(({ subject }) => subject === 'public.f')?.fix ?? '')?.[1] ?? ''
    assert.deepEqual(problems(await findings(scene, { settings: { tables: ['*.*', exclusion] } })), [])
    const named = ['f', 'v', 'm', 'p1', 'none'].map(name => `public.${name}`)
    const found = await findings(scene, { settings: { tables: ['public.t', ...named] } })
    assert.deepEqual(
      problems(found),
      named.map(name => `tables: ${name} failure`),
    )
    assert.deepEqual(
      found.filter(({ severity }) => severity === 'failure').map(({ message }) => message.split(':')[0]),
      ['is a foreign table', 'is a view', 'is a view', 'is a partition', 'no table is called so.'],
    )
  })

  it('finds a temporary table that is named', async () => {
    const { database } = scene
    await database.commit('CREATE TEMPORARY TABLE passing (id int PRIMARY KEY)')
    const [row] = await database.query<{ schema: string }>(
      `SELECT relnamespace::regnamespace::text AS schema FROM pg_class WHERE relname = 'passing'`,
    )
    const name = `${row?.schema}.passing`
    const found = await findings(scene, { settings: { tables: [name] } })
    assert.deepEqual(problems(found), [`tables: ${name} failure`])
    assert.match(found.find(({ severity }) => severity === 'failure')?.message ?? '', /is a temporary table/)
  })

  it('finds tables that nobody captures, but that can no longer be updated for being published', async () => {
    const { database } = scene
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE scratch (id int);
      CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    const options = { settings: { tables: ['public.t'] } }
    const found = await findings(scene, options)
    assert.deepEqual(problems(found), ['public.scratch warning'])
    await assert.rejects(
      database.commit('INSERT INTO scratch VALUES (1)', 'UPDATE scratch SET id = 2'),
      /REPLICA|replica/,
    )
    await mend(scene, found, 'public.scratch')
    await database.commit('UPDATE scratch SET id = 2')
    assert.deepEqual(problems(await findings(scene, options)), [])
  })

  it('says that a publication for all tables has later ones, too', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION ${database.slot} FOR ALL TABLES`,
    )
    const publication = (await findings(scene)).find(({ subject }) => subject.startsWith('publication'))
    assert.match(
      publication?.message ?? '',
      /of later ones without primary key, too, the server will refuse UPDATE/,
    )
  })
}

function generated(scene: Scene): void {
  it('finds generated columns that do not come, where the server could send them', async () => {
    const { database } = scene
    const { version } = await versionOf(scene)
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED);
      CREATE PUBLICATION ${database.slot} FOR ALL TABLES`)
    const found = await findings(scene)
    const publication = `publication ${database.slot}`
    assert.deepEqual(problems(found), version >= 18 ? [`${publication} warning`] : [])
    if (version >= 18) await mend(scene, found, publication)
    assert.deepEqual(problems(await findings(scene)), [])
  })

  it('finds tables whose updates the server would refuse for generated columns', async () => {
    const { database } = scene
    const { version } = await versionOf(scene)
    const kind = version >= 18 ? 'VIRTUAL' : 'STORED'
    await database.commit(`
      CREATE TABLE t (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) ${kind});
      ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1)`)
    const found = await findings(scene)
    assert.deepEqual(problems(found), version >= 18 ? ['public.t failure'] : [])
    const publish = `CREATE PUBLICATION ${database.slot} FOR ALL TABLES`
    if (version >= 18) {
      await database.commit(publish)
      await assert.rejects(database.commit('UPDATE t SET id = 2'), /cannot update table/)
      await database.commit(`DROP PUBLICATION ${database.slot}`)
      await mend(scene, found, 'public.t')
    }
    assert.deepEqual(problems(await findings(scene)), [])
    await database.commit(publish, 'UPDATE t SET id = 2')
  })
}

async function versionOf({ database }: Scene): Promise<{ version: number }> {
  const [row] = await database.query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  )
  return row ?? assert.fail()
}

function rights(scene: Scene): void {
  it('names the rights that a user lacks, and its fixes grant them', async () => {
    const { database } = scene
    const user = `${database.name}_user`
    await database.commit(`CREATE ROLE ${user} LOGIN; CREATE TABLE t (id int PRIMARY KEY)`)
    try {
      const found = await findings(scene, { user })
      const publication = `publication ${database.slot}`
      assert.deepEqual(problems(found), [`role ${user} failure`, `${publication} failure`])
      await mend(scene, found, `role ${user}`)
      await database.commit(`ALTER TABLE t OWNER TO ${user}`)
      const owner = await findings(scene, { user })
      assert.deepEqual(problems(owner), [`${publication} failure`])
      await mend(scene, owner, publication)
      assert.deepEqual(problems(await findings(scene, { user })), [])
      const reader = await scene.begin({ user })
      await database.commit('INSERT INTO t VALUES (1)')
      await reader.pullEvents(1)
      await reader.stop()
    } finally {
      await database.commit(
        `REASSIGN OWNED BY ${user} TO postgres`,
        `DROP OWNED BY ${user}`,
        `DROP ROLE ${user}`,
      )
    }
  })
}

function slots(scene: Scene): void {
  it('finds a slot that is in use, of another kind, or older than its publication', async () => {
    const { database } = scene
    const subject = `slot ${database.slot}`
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await scene.begin()
    assert.deepEqual(problems(await findings(scene)), [`${subject} warning`])
    await reader.stop()
    await database.commit(`DROP PUBLICATION ${database.slot}`)
    const orphaned = await findings(scene)
    assert.deepEqual(problems(orphaned), [`publication ${database.slot} failure`])
    await mend(scene, orphaned, `publication ${database.slot}`)
    assert.deepEqual(problems(await findings(scene)), [])
    await database.query(`SELECT pg_create_logical_replication_slot($1, 'test_decoding')`, [database.slot])
    assert.ok(problems(await findings(scene)).includes(`${subject} failure`))
  })

  it('changes nothing', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    await findings(scene)
    const [left] = await database.query(
      `SELECT (SELECT count(*)::int FROM pg_publication) AS publications,
        (SELECT count(*)::int FROM pg_replication_slots WHERE database = current_database()) AS slots`,
    )
    assert.deepEqual(left, { publications: 0, slots: 0 })
  })
}
