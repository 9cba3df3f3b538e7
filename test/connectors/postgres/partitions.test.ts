import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent } from '../../../core/types.ts'
import { fields, keyNames, onEveryServer, type Scene, told } from './scene.ts'

onEveryServer('partitions', scene => {
  names(scene)
  layouts(scene)
  children(scene)
})

/** Columns of partitions in another order than their table's, partitions of partitions, and one for the rest. */
const TREE = `
  CREATE TABLE p (id int, k text, v text, PRIMARY KEY (id, k)) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
  CREATE TABLE p2 (v text, k text NOT NULL, id int NOT NULL) PARTITION BY LIST (k);
  ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (10) TO (20);
  CREATE TABLE p2a PARTITION OF p2 FOR VALUES IN ('a');
  CREATE TABLE p2b (id int NOT NULL, v text, k text NOT NULL); ALTER TABLE p2 ATTACH PARTITION p2b FOR VALUES IN ('b');
  CREATE TABLE rest PARTITION OF p DEFAULT`

const publication = (scene: Scene, viaRoot: boolean): string =>
  `CREATE PUBLICATION ${scene.database.slot} FOR ALL TABLES WITH (publish_via_partition_root = ${viaRoot})`

/** `p c 1 a x`: table, operation, and the row by name. */
const line = ({ table, op, before, after }: ChangeEvent): string => {
  const row = fields(table, after ?? before)
  return `${table.name} ${op} ${[row?.id, row?.k, row?.v ?? '-'].join(' ')}`.replace(/ t .*/, ' t')
}

const WRITES = [
  `INSERT INTO p VALUES (1, 'a', 'x'), (11, 'a', 'x'), (12, 'b', 'x'), (99, 'z', 'x')`,
  `UPDATE p SET v = 'y' WHERE id > 10`,
  `UPDATE p SET id = 13 WHERE id = 1`,
  `UPDATE p SET k = 'b' WHERE id = 11`,
  'UPDATE p SET id = 5 WHERE id = 99',
  'DELETE FROM p WHERE id < 13',
]

function names(scene: Scene): void {
  it('come under the name of their table, and a row that moves between them is one that moves', async () => {
    await scene.database.commit(TREE, publication(scene, true))
    const reader = await scene.begin()
    await scene.database.commit(...WRITES)
    const { events } = await reader.pullEvents(16)
    assert.deepEqual(events.map(line), [
      ...['p c 1 a x', 'p c 11 a x', 'p c 12 b x', 'p c 99 z x'],
      ...['p u 11 a y', 'p u 12 b y', 'p u 99 z y'],
      ...['p d 1 a -', 'p c 13 a x'],
      ...['p d 11 a -', 'p c 11 b y'],
      ...['p d 99 z -', 'p c 5 z y'],
      ...['p d 5 z -', 'p d 12 b -', 'p d 11 b -'],
    ])
    assert.deepEqual(keyNames(events[0]!.table), ['id', 'k'])
  })

  it('come under their own names where the publication says so, and a row that moves leaves one for another', async () => {
    await scene.database.commit(TREE, publication(scene, false))
    const reader = await scene.begin()
    await scene.database.commit(...WRITES.slice(0, 4))
    const { events } = await reader.pullEvents(11)
    assert.deepEqual(events.map(line), [
      ...['p1 c 1 a x', 'p2a c 11 a x', 'p2b c 12 b x', 'rest c 99 z x'],
      ...['p2a u 11 a y', 'p2b u 12 b y', 'rest u 99 z y'],
      ...['p1 d 1 a -', 'p2a c 13 a x'],
      ...['p2a d 11 a -', 'p2b c 11 b y'],
    ])
    for (const { table } of events) assert.deepEqual(keyNames(table), ['id', 'k'])
  })
}

function layouts(scene: Scene): void {
  it('that are attached and detached while streaming come under the name that they have at the row', async () => {
    const { database } = scene
    await database.commit(TREE, publication(scene, true))
    const reader = await scene.begin()
    await database.commit(
      `CREATE TABLE later (k text NOT NULL, extra int, id int NOT NULL, v text, PRIMARY KEY (id, k))`,
      `INSERT INTO later VALUES ('a', 1, 20, 'x')`,
      'ALTER TABLE later DROP extra',
      'ALTER TABLE p ATTACH PARTITION later FOR VALUES FROM (20) TO (30)',
      `INSERT INTO p VALUES (21, 'a', 'x')`,
      `UPDATE later SET v = 'y' WHERE id = 20`,
      'ALTER TABLE p DETACH PARTITION later',
      `UPDATE later SET v = 'z' WHERE id = 21`,
      `BEGIN; INSERT INTO later VALUES ('b', 22, 'x'); ALTER TABLE p ATTACH PARTITION later FOR VALUES FROM (20) TO (30);
       INSERT INTO p VALUES (23, 'b', 'x'); COMMIT`,
    )
    const { events } = await reader.pullEvents(6)
    assert.deepEqual(events.map(line), [
      'later c 20 a x',
      'p c 21 a x',
      'p u 20 a y',
      'later u 21 a z',
      'later c 22 b x',
      'p c 23 b x',
    ])
    assert.deepEqual(
      events.map(({ table }) => table.columns.map(({ name }) => name).join()),
      ['k,extra,id,v', 'id,k,v', 'id,k,v', 'k,id,v', 'k,id,v', 'id,k,v'],
    )
  })

  it('with other replica identities than their table tell of old rows what they log', async () => {
    const { database } = scene
    await database.commit(TREE, publication(scene, true))
    await database.commit('ALTER TABLE p1 REPLICA IDENTITY FULL')
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO p VALUES (1, 'a', 'x'), (11, 'a', 'x')`,
      `UPDATE p SET v = 'y'`,
      'DELETE FROM p WHERE id = 1',
      'DELETE FROM p',
    )
    const { events } = await reader.pullEvents(6)
    assert.deepEqual(events.slice(2).map(told), [
      ['u', { id: 1, k: 'a', v: 'x' }, { id: 1, k: 'a', v: 'y' }],
      ['u', null, { id: 11, k: 'a', v: 'y' }],
      ['d', { id: 1, k: 'a', v: 'y' }, null],
      ['d', { id: 11, k: 'a', v: undefined }, null],
    ])
  })

  it('are truncated with their table', async () => {
    const { database } = scene
    await database.commit(TREE, publication(scene, true))
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO p VALUES (1, 'a', 'x')`,
      'TRUNCATE p',
      'TRUNCATE p1',
      `INSERT INTO p VALUES (2, 'a', 'x')`,
    )
    const { events } = await reader.pullEvents(3)
    // That a partition alone was truncated is not told: its table was not.
    assert.deepEqual(events.map(line), ['p c 1 a x', 'p t', 'p c 2 a x'])
  })

  it('that come under their own names are truncated one by one', async () => {
    const { database } = scene
    await database.commit(TREE, publication(scene, false))
    const reader = await scene.begin({ settings: { tables: ['public.p*'] } })
    await database.commit('TRUNCATE p2', `INSERT INTO p VALUES (2, 'a', 'x')`)
    const { events } = await reader.pullUntil(({ events }) => events.at(-1)?.op === 'c')
    assert.deepEqual(events.map(line).toSorted(), ['p1 c 2 a x', 'p2a t', 'p2b t'])
  })
}

function children(scene: Scene): void {
  it('by inheritance are tables of their own', async () => {
    const { database } = scene
    await database.commit(
      `CREATE TABLE p (id int PRIMARY KEY, k text, v text); CREATE TABLE c (w int, PRIMARY KEY (id)) INHERITS (p)`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO p VALUES (1, 'a', 'x'); INSERT INTO c VALUES (2, 'a', 'x', 7)`,
      `UPDATE p SET v = 'y'`,
      'TRUNCATE p',
      `INSERT INTO p VALUES (3, 'a', 'x')`,
    )
    const { events } = await reader.pullUntil(({ events }) => events.at(-1)?.after?.[0] === 3)
    assert.deepEqual(events.map(line), [
      'p c 1 a x',
      'c c 2 a x',
      'p u 1 a y',
      'c u 2 a y',
      'p t',
      'c t',
      'p c 3 a x',
    ])
    assert.deepEqual(told(events[3]!)[2], { id: 2, k: 'a', v: 'y', w: 7 })
  })
}
