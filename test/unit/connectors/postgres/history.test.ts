import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { compareHistories, readHistory, readTimelineFile } from '../../../../connectors/postgres/history.ts'
import type { Position } from '../../../../connectors/postgres/position.ts'

const server = {
  system: '7',
  timeline: 4,
  // Timeline 3 is of a standby that was promoted elsewhere.
  ends: [
    { timeline: 1, lsn: 100n },
    { timeline: 2, lsn: 200n },
  ],
}
const at = (lsn: bigint, timeline: number, commitLsn?: bigint): Position => ({
  lsn,
  cut: commitLsn === undefined ? null : { commitLsn, xid: 5, skip: 1, capture: '00000000' },
  history: { system: '7', timeline },
})
const compare = (position: Position) => compareHistories(position, server, 'Connector shop')

it('A position of this server’s timeline, or of before positions had one, is of the same history', () => {
  assert.equal(compare(at(500n, 4)), 'same')
  assert.equal(compare({ lsn: 500n, cut: null }), 'same')
})

it('A position of another cluster is foreign, wherever it is', () => {
  assert.equal(compare({ ...at(1n, 4), history: { system: '8', timeline: 4 } }), 'foreign')
})

it('A position on an earlier timeline holds up to the place where that was left', () => {
  assert.equal(compare(at(100n, 1)), 'promoted')
  assert.equal(compare(at(200n, 2)), 'promoted')
  assert.equal(compare(at(90n, 1, 99n)), 'promoted')
  for (const position of [at(101n, 1), at(201n, 2), at(90n, 1, 100n), at(1n, 3), at(1n, 5)]) {
    assert.throws(() => compare(position), { code: 'TIMELINE_DIVERGED' })
  }
})

it('What is published never lies beyond what the server has of it', () => {
  const lsn = fc.bigInt({ min: 0n, max: 300n })
  fc.assert(
    fc.property(lsn, fc.constantFrom(1, 2), (place, timeline) => {
      const end = server.ends[timeline - 1]?.lsn ?? 0n
      if (place <= end) assert.equal(compare(at(place, timeline)), 'promoted')
      else assert.throws(() => compare(at(place, timeline)), { code: 'TIMELINE_DIVERGED' })
    }),
  )
})

it('The file of a timeline tells where the earlier ones were left', async () => {
  const file = '1\t0/1763D98\tno recovery target specified\n\n2\t1A/20\tbefore 2026-11-21 12:00:00\n'
  const ends = [
    { timeline: 1, lsn: 0x1763d98n },
    { timeline: 2, lsn: 0x1a_0000_0020n },
  ]
  assert.deepEqual(readTimelineFile(file), ends)
  const answers: Record<string, Record<string, unknown>> = {
    IDENTIFY_SYSTEM: { systemid: '7', timeline: '3' },
    'TIMELINE_HISTORY 3': { filename: '00000003.history', content: Buffer.from(file) },
  }
  const ask = async (command: string) => [answers[command] ?? assert.fail(command)]
  assert.deepEqual(await readHistory(ask, { system: '7', timeline: 2 }), { system: '7', timeline: 3, ends })
  answers.IDENTIFY_SYSTEM = { systemid: '7', timeline: 1 }
  const first = { system: '7', timeline: 1 }
  assert.deepEqual(await readHistory(ask, { system: '7', timeline: 2 }), { ...first, ends: [] })
})

it('The file of a timeline is asked for only where a position is of another', async () => {
  const ask = async (command: string) =>
    command === 'IDENTIFY_SYSTEM' ? [{ systemid: '7', timeline: 3 }] : assert.fail(command)
  const third = { system: '7', timeline: 3 }
  assert.deepEqual(await readHistory(ask, third), { ...third, ends: [] })
  assert.deepEqual(await readHistory(ask), { ...third, ends: [] })
})
