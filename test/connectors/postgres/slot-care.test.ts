import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Finding } from '../../../core/types.ts'
import { until } from '../../support/until.ts'
import { applyFix, type OwnServer, onOwnServers } from './own-server.ts'
import { findings, rejection, type Scene } from './scene.ts'
import { ask } from './standby.ts'

onOwnServers('slot care', {}, own => {
  losses(own)
  limits(own)
  strangers(own)
  waiting(own)
})

const slotOf = ({ database }: Scene): string => `slot ${database.slot}`

/** What check says of the slot. */
async function slotFinding(scene: Scene): Promise<Finding> {
  return (await findings(scene)).find(({ subject }) => subject === slotOf(scene)) ?? assert.fail()
}

/** A slot at the beginning of a table with one row. */
async function withSlot(scene: Scene) {
  await scene.database.commit('CREATE TABLE t (id int PRIMARY KEY)')
  const reader = await scene.begin()
  await reader.stop()
  await until('the slot is free', async () => (await slotFinding(scene)).severity === 'ok')
  await scene.database.commit('INSERT INTO t VALUES (1)')
  return reader.checkpoint
}

/** Writes `count` segments of the log, 16 MB each. */
async function writeLog({ database }: Scene, count: number): Promise<void> {
  for (let segment = 0; segment < count; segment++)
    await database.commit(`SELECT pg_logical_emit_message(false, '', '')`, 'SELECT pg_switch_wal()')
}

async function alterSystem({ database }: Scene, settings: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(settings))
    await database.commit(`ALTER SYSTEM SET ${name} = '${value}'`)
  await database.commit('SELECT pg_reload_conf()')
  for (const [name, value] of Object.entries(settings)) {
    await until(`${name} is ${value}`, async () => {
      const [row] = await database.query<{ value: string }>('SELECT current_setting($1) AS value', [name])
      return row?.value === value
    })
  }
}

async function assertLost(
  scene: Scene,
  checkpoint: Parameters<Scene['reader']>[0],
  cause: RegExp,
): Promise<void> {
  const error = await rejection(scene.reader(checkpoint).pull())
  assert.equal(error.code, 'SLOT_LOST')
  assert.match(error.message, cause)
  const finding = await slotFinding(scene)
  assert.deepEqual([finding.severity, finding.code], ['failure', 'SLOT_LOST'])
  assert.match(finding.message, cause)
  await applyFix(scene.database, finding)
  assert.equal((await slotFinding(scene)).message, 'will be created')
}

function losses(own: OwnServer): void {
  it('tells of a slot that is about to be lost, and of one that has been, for want of log', async () => {
    const { scene } = own
    const checkpoint = await withSlot(scene)
    await alterSystem(scene, { max_slot_wal_keep_size: '17MB' })
    const limited = (await findings(scene)).find(({ subject }) => subject === 'max_slot_wal_keep_size')
    assert.ok(limited)
    assert.match(limited.message, /17 MB/)
    await writeLog(scene, 4)
    const warned = await slotFinding(scene)
    assert.equal(warned.severity, 'warning')
    assert.match(warned.message, /about to be lost: \d\d MB/)
    await applyFix(scene.database, warned)
    await until('it is not about to be lost', async () => (await slotFinding(scene)).severity === 'ok')
    await alterSystem(scene, { max_slot_wal_keep_size: '17MB' })
    await scene.database.commit('CHECKPOINT')
    await assertLost(scene, checkpoint, /wal_removed.*max_slot_wal_keep_size/)
    await applyFix(scene.database, limited)
    await until('the limit is not small', async () =>
      (await findings(scene)).every(
        ({ subject, severity }) => subject !== limited.subject || severity === 'ok',
      ),
    )
    await alterSystem(scene, { max_slot_wal_keep_size: '-1' })
  })

  // Earlier servers have no such limit.
  if (own.version < 18) return
  it('tells of a slot that nobody read for longer than the server allows', async () => {
    const { scene } = own
    const checkpoint = await withSlot(scene)
    await alterSystem(scene, { idle_replication_slot_timeout: '1s' })
    const warned = (await findings(scene)).find(({ subject }) => subject === 'idle_replication_slot_timeout')
    assert.equal(warned?.severity, 'warning')
    await until('the slot is invalidated', async () => {
      await scene.database.commit('CHECKPOINT')
      return (await slotFinding(scene)).severity === 'failure'
    })
    await assertLost(scene, checkpoint, /idle_timeout.*idle_replication_slot_timeout/)
    await applyFix(scene.database, warned ?? assert.fail())
    await until('the fix has made the warning go', async () =>
      (await findings(scene)).every(({ subject }) => subject !== warned?.subject),
    )
  })
}

function limits(own: OwnServer): void {
  it('tells of the log that is kept for a slot when it is more than the server is meant to hold', async () => {
    const { scene } = own
    await withSlot(scene)
    await alterSystem(scene, { min_wal_size: '32MB', max_wal_size: '32MB' })
    await writeLog(scene, 5)
    const warned = await slotFinding(scene)
    assert.equal(warned.severity, 'warning')
    assert.match(warned.message, /keeps \d\d MB of log/)
    await alterSystem(scene, { min_wal_size: '80MB', max_wal_size: '1GB' })
  })
}

function strangers(own: OwnServer): void {
  it('does not read a slot of another kind, database or life, and says what it is', async () => {
    const { scene } = own
    const { database } = scene
    const { slot } = database
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    await database.commit(`CREATE PUBLICATION ${slot} FOR ALL TABLES`)
    for (const [create, message] of [
      [`SELECT pg_create_physical_replication_slot('${slot}')`, /physical/],
      [`SELECT pg_create_logical_replication_slot('${slot}', 'test_decoding')`, /test_decoding/],
      [`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput', false, true)`, /prepared/],
    ] as const) {
      await database.commit(create)
      await assertUnsuitable(scene, message)
      const finding = await slotFinding(scene)
      // The slot may be somebody's: another name comes first, and dropping it only if nobody reads it.
      const [, drop] = /^Set source\.slot .* nobody reads this one: (.*)$/.exec(finding.fix ?? '') ?? []
      await applyFix(database, { ...finding, fix: drop ?? '' })
      assert.equal((await slotFinding(scene)).message, 'will be created')
    }
    await ask(own.server.url, `SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput')`)
    await assertUnsuitable(scene, /database postgres/)
    await ask(own.server.url, `SELECT pg_drop_replication_slot('${slot}')`)
    const other = await database.connect()
    other.on('error', () => undefined)
    await other.query(`SELECT pg_create_logical_replication_slot('${slot}', 'pgoutput', true)`)
    await assertUnsuitable(scene, /temporary.*process \d+/)
    await applyFix(database, await slotFinding(scene))
    await until('the slot ends with its session', async () => (await slotFinding(scene)).severity === 'ok')
    await other.end()
  })
}

function waiting(own: OwnServer): void {
  it('says what the making of a slot waits for, and leaves nothing waiting when it is told to end', async () => {
    const { scene } = own
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const other = await database.connect()
    await other.query('BEGIN; INSERT INTO t VALUES (1)')
    const reader = scene.reader({})
    const pulling = assert.rejects(reader.pull(), /the stream has ended/)
    await until('it waits, and says for what', () =>
      /running to end/.test(String(reader.source.status().waitsFor)),
    )
    await until('the slot is being made', async () => (await madeSlots(scene)) === 1)
    await Promise.all([pulling, reader.stop()])
    await until('no slot is left', async () => (await madeSlots(scene)) === 0)
    await until('no session is left', async () => (await database.sessions()) === 0)
    await other.query('COMMIT')
    await other.end()
  })
}

async function assertUnsuitable(scene: Scene, message: RegExp): Promise<void> {
  const error = await rejection(scene.reader({}).pull())
  assert.equal(error.code, 'SLOT_UNSUITABLE')
  assert.match(error.message, message)
  const finding = await slotFinding(scene)
  assert.deepEqual([finding.severity, finding.code], ['failure', 'SLOT_UNSUITABLE'])
  assert.match(finding.message, message)
}

async function madeSlots({ database }: Scene): Promise<number> {
  return (await database.query('SELECT FROM pg_replication_slots WHERE slot_name = $1', [database.slot]))
    .length
}
