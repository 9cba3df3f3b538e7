import assert from 'node:assert/strict'
import { it } from 'node:test'
import { TopicNames } from '../../../../schemas/names.ts'
import { onEveryServer } from '../scene.ts'
import { tell } from './scene.ts'

onEveryServer('odd names', scene => {
  it('of schemas, tables, columns, types and labels are told as they are, and as legal fields', async () => {
    const { database } = scene
    await database.commit(
      `CREATE SCHEMA "Sch.ema ""1"" 🎉"`,
      `CREATE TYPE "Sch.ema ""1"" 🎉"."En.um" AS ENUM ('Ä "b"', 'c.d', '🎉', '{}')`,
      `CREATE TABLE "Sch.ema ""1"" 🎉"."T'a ""ble"".x 世界" ("Id.x" int PRIMARY KEY, "a ""b""" text, "1st" int,
       "Ünïcode🎉" "Sch.ema ""1"" 🎉"."En.um", "select" "Sch.ema ""1"" 🎉"."En.um"[], "__proto__" text, "A" int, a int)`,
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO "Sch.ema ""1"" 🎉"."T'a ""ble"".x 世界" VALUES (1, 'x', 2, '🎉', '{"c.d","Ä \\"b\\"","{}"}', 'p', 3, 4)`,
    )
    const { events } = await reader.pullEvents(1)
    const { table } = events[0]!
    assert.deepEqual([table.schema, table.name], ['Sch.ema "1" 🎉', `T'a "ble".x 世界`])
    assert.deepEqual(
      table.columns.map(({ name }) => name),
      ['Id.x', 'a "b"', '1st', 'Ünïcode🎉', 'select', '__proto__', 'A', 'a'],
    )
    assert.equal(new TopicNames('shop').topicOf(table), `shop.Sch.ema__1___.T_a__ble_.x___`)
    for (const message of (await tell(events)).flatMap(({ avro, json }) => [avro, json])) {
      assert.deepEqual(message.key, { Id_x: 1 })
      assert.deepEqual(Object.entries(message.event?.after ?? {}), [
        ['Id_x', 1],
        ['a__b_', 'x'],
        ['_1st', 2],
        ['_n_code_', '🎉'],
        ['select', ['c.d', 'Ä "b"', '{}']],
        ['__proto__', 'p'],
        ['A', 3],
        ['a', 4],
      ])
      assert.deepEqual(
        [message.event?.source.schema, message.event?.source.table],
        [table.schema, table.name],
      )
    }
  })

  it('of two columns that meet on one field are refused, naming both', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, "a.b" int, "a b" int)')
    const reader = await scene.begin()
    await database.commit('INSERT INTO t VALUES (1, 2, 3)')
    const { events } = await reader.pullEvents(1)
    await assert.rejects(tell(events), { code: 'NAME_COLLISION', message: /"a\.b" and "a b".*"a_b"/ })
  })
})
