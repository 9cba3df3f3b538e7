import assert from 'node:assert/strict'
import { it } from 'node:test'
import { DEFAULT_INBOX_LIMITS } from '../../../connectors/postgres/inbox.ts'
import { onEveryServer } from './scene.ts'

const ROWS = 200_000

onEveryServer('a large transaction', scene => {
  it('passes through in small batches, and never more of it is held than the bounds allow', async () => {
    const { database } = scene
    await database.commit('CREATE TABLE t (id int PRIMARY KEY, v text)')
    const limits = { maxEvents: 500, maxBytes: 1 << 18 }
    const reader = await scene.begin({ limits })
    await database.commit(`INSERT INTO t SELECT n, repeat('x', 100) FROM generate_series(1, ${ROWS}) AS n`)
    let next = 0
    let mostHeld = 0
    while (next < ROWS) {
      const { events, bytes } = await reader.pull()
      reader.batches.length = 0
      assert.ok(events.length <= limits.maxEvents && bytes <= 2 * limits.maxBytes)
      for (const event of events) {
        assert.equal(event.ordinal, next++)
        assert.equal(event.after?.[0], next)
      }
      mostHeld = Math.max(mostHeld, Number(reader.source.status().heldBytes))
    }
    assert.ok(mostHeld <= DEFAULT_INBOX_LIMITS.highWaterBytes + (256 << 10), `${mostHeld} bytes were held`)
  })
})
