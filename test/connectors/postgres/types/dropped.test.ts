import assert from 'node:assert/strict'
import { it } from 'node:test'
import { onEveryServer } from '../scene.ts'
import { tell, typeOf } from './scene.ts'

onEveryServer('types that were dropped', scene => {
  it('are text in the log that was written before, and nothing of it is lost', async () => {
    const { database } = scene
    await database.commit(
      `CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('fine', 'so so'); CREATE DOMAIN price AS numeric(8,3)`,
      'CREATE TABLE t (id int PRIMARY KEY, m mood, ms mood[], p price, h hstore, n int[])',
    )
    const reader = await scene.begin()
    const begin = reader.checkpoint
    await database.commit(`INSERT INTO t VALUES (1, 'so so', '{fine,"so so"}', 1.5, 'a=>1', '{1,2}')`)
    await reader.pullEvents(1)
    await reader.stop()
    await database.commit('DROP TABLE t', 'DROP TYPE mood', 'DROP DOMAIN price', 'DROP EXTENSION hstore')
    const [before] = await tell(reader.events)
    const [again] = await tell(await scene.replay(begin, 1))
    assert.deepEqual(before?.avro.event?.after, {
      id: 1,
      m: 'so so',
      ms: ['fine', 'so so'],
      p: '1.500',
      h: { a: '1' },
      n: [1, 2],
    })
    assert.deepEqual(again?.avro.event?.after, {
      id: 1,
      m: 'so so',
      ms: '{fine,"so so"}',
      p: '1.500',
      h: '"a"=>"1"',
      n: [1, 2],
    })
    assert.deepEqual(again && typeOf(again.table, 'p'), { kind: 'string' })
  })
})
