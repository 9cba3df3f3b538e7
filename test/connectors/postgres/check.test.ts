import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Finding } from '../../../core/types.ts'
import type { TestSourceOptions } from './database.ts'
import { onEveryServer, type Scene } from './scene.ts'

onEveryServer('check', scene => {
  tables(scene)
  rights(scene)
  slots(scene)
})

async function findings({ database }: Scene, options?: TestSourceOptions): Promise<Finding[]> {
  const source = database.source(options)
  try {
    return await source.check()
  } finally {
    await source.close()
  }
}

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
