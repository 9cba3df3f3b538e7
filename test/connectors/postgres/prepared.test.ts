import assert from 'node:assert/strict'
import { it } from 'node:test'
import { check } from '../../../connectors/postgres/check.ts'
import { Queries } from '../../../connectors/postgres/connection.ts'
import { postgresSettings, resolveSettings } from '../../../connectors/postgres/settings.ts'
import type { Checkpoint } from '../../../core/types.ts'
import { applyFix, onOwnServers } from './own-server.ts'
import type { Scene } from './scene.ts'

onOwnServers('prepared transactions', { max_prepared_transactions: '10' }, own => {
  it('come when they are committed, once and in that order, also across restarts; those rolled back never', async () => {
    const { database } = own.scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const reader = await own.scene.begin()
    await database.commit(
      prepare('a', 1),
      prepare('b', 2),
      prepare('c', 3),
      'INSERT INTO t VALUES (4)',
      `COMMIT PREPARED 'b'`,
      `ROLLBACK PREPARED 'c'`,
    )
    await reader.pullEvents(2)
    reader.source.acknowledge(reader.checkpoint)
    await reader.stop()
    assert.deepEqual(keys(reader), [4, 2])
    const tail = await resume(own.scene, reader.checkpoint)
    await database.commit('INSERT INTO t VALUES (5)', `COMMIT PREPARED 'a'`)
    await tail.pullEvents(2)
    assert.deepEqual(keys(tail), [5, 1])
    const [first, second] = tail.events.map(({ commit }) => commit.coordinate)
    assert.ok((first ?? '') < (second ?? ''))
    await tail.stop()
    await database.commit('INSERT INTO t VALUES (6)')
    assert.deepEqual(
      (await own.scene.replay(tail.checkpoint, 1)).map(({ after }) => after?.[0]),
      [6],
    )
  })

  it('that are forgotten keep the log, and so do open ones: check tells which, and its fix ends them', async () => {
    const { database } = own.scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY)')
    const other = await database.connect()
    // The server ends the session.
    other.on('error', () => undefined)
    await database.commit(prepare("it's", 1))
    await other.query('BEGIN; INSERT INTO t VALUES (2)')
    const subjects = ["prepared transaction it's", 'transaction of process']
    const found = await oldTransactions(own.scene, 0)
    assert.deepEqual(
      found.map(({ subject }) => subjects.findIndex(text => subject.startsWith(text))),
      [0, 1],
    )
    for (const finding of found) {
      assert.equal(finding.severity, 'warning')
      await applyFix(database, finding)
    }
    await other.end()
    assert.deepEqual(await oldTransactions(own.scene, 0), [])
    await database.commit(prepare('young', 1))
    assert.deepEqual(await oldTransactions(own.scene, 3_600_000), [])
    await database.commit(`ROLLBACK PREPARED 'young'`)
  })
})

const prepare = (name: string, id: number): string =>
  `BEGIN; INSERT INTO t VALUES (${id}); PREPARE TRANSACTION '${name.replaceAll("'", "''")}'`

const keys = ({ events }: { events: readonly { after: readonly unknown[] | null }[] }) =>
  events.map(({ after }) => after?.[0])

/** A reader of what comes after a checkpoint, which streams. */
async function resume(scene: Scene, from: Checkpoint) {
  for (;;) {
    const reader = scene.reader(from)
    try {
      await reader.pull()
      return reader
    } catch (error) {
      await reader.source.close()
      if ((error as { code?: string }).code !== 'SLOT_IN_USE') throw error
    }
  }
}

async function oldTransactions({ database }: Scene, oldTransactionMs: number) {
  const settings = postgresSettings.parse({ type: 'postgres', url: database.url })
  const capture = resolveSettings(settings, database.name)
  const queries = new Queries(capture)
  try {
    const found = await check(queries, capture, { oldTransactionMs })
    return found.filter(({ subject }) => subject.includes('transaction'))
  } finally {
    await queries.close()
  }
}
