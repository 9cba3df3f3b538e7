import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ChangeEvent } from '../../../core/types.ts'
import { onEveryServer } from './scene.ts'

const line = ({ op, table, ordinal, tableOrdinal }: ChangeEvent): string =>
  `${op} ${table.schema}.${table.name} ${ordinal} ${tableOrdinal}`

onEveryServer('truncates', scene => {
  it('are one event for each captured table, also those that a cascade reaches, at their place among rows', async () => {
    const { database } = scene
    await database.commit(
      `CREATE SCHEMA other; CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE other.a (id int PRIMARY KEY REFERENCES a);
       CREATE TABLE b (id int PRIMARY KEY REFERENCES other.a); CREATE TABLE unseen (id int REFERENCES a); CREATE TABLE c (v text)`,
    )
    const settings = { tables: ['public.*', 'other.*', '!public.unseen'] }
    const reader = await scene.begin({ settings })
    await database.commit(
      'BEGIN; INSERT INTO a DEFAULT VALUES; TRUNCATE a, c RESTART IDENTITY CASCADE; INSERT INTO a DEFAULT VALUES; COMMIT',
      'TRUNCATE unseen',
      'BEGIN; TRUNCATE b; ROLLBACK',
      'TRUNCATE b, b, c CONTINUE IDENTITY',
    )
    const { events } = await reader.pullEvents(8)
    const [first, ...truncated] = events.slice(0, 5).map(line)
    assert.equal(first, 'c public.a 0 0')
    assert.deepEqual(truncated.map(text => text.split(' ').slice(0, 2).join(' ')).toSorted(), [
      't other.a',
      't public.a',
      't public.b',
      't public.c',
    ])
    assert.deepEqual(
      events.slice(0, 6).map(({ ordinal }) => ordinal),
      [0, 1, 2, 3, 4, 5],
    )
    assert.deepEqual([line(events[5]!), events[5]?.after], ['c public.a 5 2', [1]])
    assert.deepEqual(events.slice(6).map(line).toSorted(), ['t public.b 0 0', 't public.c 1 0'])
  })
})
