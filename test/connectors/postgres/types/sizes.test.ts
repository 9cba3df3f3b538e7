import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { onEveryServer } from '../scene.ts'
import { tell } from './scene.ts'

const MIB = 2 ** 20

onEveryServer('large values', scene => {
  it('of 64 MiB are whole', async () => {
    const { database } = scene
    await database.commit(
      'CREATE TABLE t (id int PRIMARY KEY, v text)',
      'ALTER TABLE t ALTER v SET STORAGE EXTERNAL',
    )
    const reader = await scene.begin()
    await database.commit(
      `INSERT INTO t VALUES (1, repeat('0123456789é🎉€\\"', ${Math.ceil((64 * MIB) / 20)}))`,
    )
    const { events } = await reader.pullEvents(1)
    const [found] = await database.query<{ bytes: number; md5: string }>(
      'SELECT octet_length(v) AS bytes, md5(v) FROM t',
    )
    assert.ok((found?.bytes ?? 0) > 64 * MIB)
    const [row] = await tell(events)
    for (const message of [row?.avro, row?.json]) {
      const text = Buffer.from(String(message?.event?.after?.v))
      assert.equal(text.length, found?.bytes)
      assert.equal(createHash('md5').update(text).digest('hex'), found?.md5)
    }
  })

  it('of a hundred thousand digits are exact', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v numeric, w numeric[])')
    const reader = await scene.begin()
    const digits = `(repeat('1234567890', 10000) || '.' || repeat('0987654321', 1000))::numeric`
    await database.commit(`INSERT INTO t VALUES (1, ${digits}, ARRAY[-${digits}, NULL])`)
    const { events } = await reader.pullEvents(1)
    const text = `${'1234567890'.repeat(10_000)}.${'0987654321'.repeat(1000)}`
    const [row] = await tell(events)
    for (const message of [row?.avro, row?.json]) {
      assert.equal(message?.event?.after?.v, text)
      assert.deepEqual(message?.event?.after?.w, [`-${text}`, null])
    }
  })
})
