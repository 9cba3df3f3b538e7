import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent } from '../../../core/types.ts'
import { onEveryServer, type Scene } from './scene.ts'

onEveryServer('transactions', scene => {
  orders(scene)
  undone(scene)
  sizes(scene)
})

/** `c 1 a`: the operation, and the first two columns of the row. */
const line = ({ op, before, after }: ChangeEvent): string =>
  [op, ...(after ?? before ?? []).slice(0, 2).map(value => String(value))].join(' ')

function orders(scene: Scene): void {
  it('that overlap are told whole, one after the other, in the order of their commits', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin()
    const sessions = await Promise.all(['a', 'b', 'c'].map(() => database.connect()))
    try {
      for (const session of sessions) await session.query('BEGIN')
      for (let id = 1; id <= 6; id++) {
        const index = id % 3
        await sessions[index]!.query(`INSERT INTO t VALUES (${id}, '${'abc'[index]}')`)
      }
      for (const index of [2, 0, 1]) await sessions[index]!.query('COMMIT')
    } finally {
      await Promise.all(sessions.map(session => session.end()))
    }
    const { events } = await reader.pullEvents(6)
    assert.deepEqual(events.map(line), ['c 2 c', 'c 5 c', 'c 3 a', 'c 6 a', 'c 1 b', 'c 4 b'])
    assert.deepEqual(
      events.map(({ ordinal }) => ordinal),
      [0, 1, 0, 1, 0, 1],
    )
    const commits = events.map(({ commit }) => commit.coordinate)
    assert.deepEqual(commits, commits.toSorted())
  })

  it('of two sessions on one key are told in the order in which they had it', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, n int); ALTER TABLE t REPLICA IDENTITY FULL')
    const reader = await scene.begin()
    await database.commit('INSERT INTO t VALUES (1, 0)')
    const sessions = await Promise.all([1, 2].map(() => database.connect()))
    try {
      const run = async (index: number) => {
        for (let count = 0; count < 40; count++) {
          await sessions[index]!.query('BEGIN; UPDATE t SET n = n + 1 WHERE id = 1')
          await sessions[index]!.query(count % 5 === 4 ? 'ROLLBACK' : 'COMMIT')
        }
      }
      await Promise.all([run(0), run(1)])
    } finally {
      await Promise.all(sessions.map(session => session.end()))
    }
    const { events } = await reader.pullEvents(65)
    assert.deepEqual(
      events.slice(1).map(({ before, after }) => [before?.[1], after?.[1]]),
      Array.from({ length: 64 }, (_, n) => [n, n + 1]),
    )
  })
}

function undone(scene: Scene): void {
  it('tell nothing of what was rolled back, to a savepoint or whole, and nothing at all if nothing is left', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE unseen (id int)')
    const reader = await scene.begin({ settings: { tables: ['public.t'] } })
    await database.commit(
      `BEGIN; INSERT INTO t VALUES (1, 'a'); SAVEPOINT x; INSERT INTO t VALUES (2, 'no'); SAVEPOINT y; UPDATE t SET v = 'no'; ROLLBACK TO x;
       INSERT INTO t VALUES (2, 'b'); SAVEPOINT z; INSERT INTO t VALUES (3, 'c'); RELEASE z; COMMIT`,
      `BEGIN; INSERT INTO t VALUES (4, 'no'); ROLLBACK`,
      'BEGIN; SAVEPOINT x; DELETE FROM t; ROLLBACK TO x; COMMIT',
      'INSERT INTO unseen VALUES (1)',
      `DO $$ BEGIN
         FOR n IN 10..14 LOOP
           BEGIN
             INSERT INTO t VALUES (n, 'd');
             IF n % 2 = 1 THEN RAISE EXCEPTION 'undone'; END IF;
           EXCEPTION WHEN raise_exception THEN NULL;
           END;
         END LOOP;
       END $$`,
      `INSERT INTO t VALUES (99, 'end')`,
    )
    const { events } = await reader.pullEvents(7)
    assert.deepEqual(events.map(line), ['c 1 a', 'c 2 b', 'c 3 c', 'c 10 d', 'c 12 d', 'c 14 d', 'c 99 end'])
    assert.deepEqual(
      events.map(({ ordinal }) => ordinal),
      [0, 1, 2, 0, 1, 2, 0],
    )
    assert.equal(new Set(events.map(({ commit }) => commit.id)).size, 3)
  })

  it('of many subtransactions are told in the order of their rows', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const reader = await scene.begin()
    // More than 64, beyond which the server keeps account of them otherwise.
    await database.commit(
      `DO $$ BEGIN FOR n IN 1..200 LOOP BEGIN INSERT INTO t VALUES (n, 'a'); EXCEPTION WHEN unique_violation THEN NULL; END; END LOOP; END $$`,
    )
    const { events } = await reader.pullEvents(200)
    assert.deepEqual(
      events.map(({ after }) => after?.[0]),
      Array.from({ length: 200 }, (_, n) => n + 1),
    )
  })
}

const COLUMNS = 1_600

function sizes(scene: Scene): void {
  it('may have rows of as many columns as there can be', async () => {
    const { database } = scene
    const names = Array.from({ length: COLUMNS - 1 }, (_, n) => `c${n}`)
    await database.commit(
      `CREATE TABLE t (id int PRIMARY KEY, ${names.map(name => `${name} int`).join(', ')}); ALTER TABLE t REPLICA IDENTITY FULL`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO t VALUES (1, ${names.map((_, n) => n).join(', ')})`,
      `UPDATE t SET ${names.at(-1)} = NULL`,
    )
    const { events } = await reader.pullEvents(2)
    const row = [1, ...names.map((_, n) => n)]
    assert.deepEqual(events[0]?.after, row)
    assert.deepEqual([events[1]?.before, events[1]?.after], [row, [...row.slice(0, -1), null]])
  })

  it('of a database of many tables give each table that changes one shape', async () => {
    const { database } = scene
    await database.commit(
      `DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, v text)', n); END LOOP; END $$`,
    )
    const reader = await scene.begin()
    await database.commit(
      `DO $$ BEGIN FOR n IN 1..100 BY 5 LOOP EXECUTE format('INSERT INTO t%s VALUES (1, %L)', n, n); END LOOP; END $$`,
      `DO $$ BEGIN FOR n IN 1..100 BY 5 LOOP EXECUTE format('UPDATE t%s SET v = %L', n, n); END LOOP; END $$`,
    )
    const { events } = await reader.pullEvents(40)
    assert.equal(new Set(events.map(({ table }) => table)).size, 20)
  })
}
