import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkpointRecords, foldCheckpoint, lastWriter } from '../../../../../core/sinks/kafka/checkpoint.ts'

const NOW = Date.UTC(2026, 4, 6, 7, 8, 9)
const by = (worker: string) => ({ topic: 't', worker, nowMs: NOW })

interface Written {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers?: Readonly<Record<string, string>> | undefined
}

/** The records as a reader brings them, two at a time. */
async function* read(records: readonly Written[]) {
  for (let at = 0; at < records.length; at += 2) {
    yield records.slice(at, at + 2).map(({ key, value, headers = {} }, index) => ({
      topic: 'c.checkpoint',
      partition: 0,
      offset: at + index,
      key: key && Buffer.from(key),
      value: value && Buffer.from(value),
      headers: Object.entries(headers).map(([name, text]) => ({ name, value: Buffer.from(text) })),
      timestampMs: NOW,
    }))
  }
}
const entry = (key: string, value: string | null) => ({
  key: Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})

const folded = async (records: readonly Written[]) => (await foldCheckpoint(read(records))).checkpoint

describe('checkpoint records', () => {
  it('have the entry’s name as key and position, epoch, format and time as value', () => {
    const [record, ...others] = checkpointRecords({ stream: { position: '1:0/16', epoch: 2 } }, by('w1'))
    assert.equal(others.length, 0)
    assert.equal(record?.topic, 't')
    assert.deepEqual(record.headers, { worker: 'w1' })
    assert.equal(record.timestampMs, -1)
    assert.equal(record.partition, 0)
    assert.equal(String(record.key), 'stream')
    assert.equal(
      String(record.value),
      '{"position":"1:0/16","epoch":2,"format":1,"updatedAt":"2026-05-06T07:08:09.000Z"}',
    )
  })

  it('fold to the last of each entry', async () => {
    const first = { stream: { position: 'a', epoch: 1 }, 'snapshot/public.t': { position: 'b', epoch: 1 } }
    const second = { stream: { position: 'c', epoch: 2 } }
    const records = [...checkpointRecords(first, by('w1')), ...checkpointRecords(second, by('w1'))]
    assert.deepEqual(await folded(records), { ...first, ...second })
  })

  it('without a value take the entry away', async () => {
    const records = [
      ...checkpointRecords({ stream: { position: 'a', epoch: 1 } }, by('w1')),
      entry('stream', null),
    ]
    assert.deepEqual(await folded(records), {})
  })

  it('tell who wrote last, also when that one does not say who it is', async () => {
    const at = { stream: { position: 'a', epoch: 1 } }
    const records = [...checkpointRecords(at, by('w1')), ...checkpointRecords(at, by('w2'))]
    assert.equal(await lastWriter(read(records), 0), 'w2')
    assert.equal(await lastWriter(read([...records, entry('stream', '{}')]), 0), '')
    assert.equal(await lastWriter(read([]), 0), null)
  })

  it('tell nothing of who wrote before what was read last', async () => {
    const records = [...checkpointRecords({ stream: { position: 'a', epoch: 1 } }, by('w1'))]
    const { readUntil } = await foldCheckpoint(read(records))
    assert.equal(await lastWriter(read(records), readUntil), null)
    const next = checkpointRecords({ stream: { position: 'b', epoch: 1 } }, by('w2'))
    assert.equal(await lastWriter(read([...records, ...next]), readUntil), 'w2')
  })

  it('fold to nothing when there are none', async () => {
    assert.deepEqual(await folded([]), {})
  })

  const unusable: readonly [string, string][] = [
    ['of an unknown format', '{"position":"a","epoch":1,"format":2}'],
    ['without a format', '{"position":"a","epoch":1}'],
    ['without a position', '{"epoch":1,"format":1}'],
    ['without an epoch', '{"position":"a","format":1}'],
    ['that are no JSON', 'a'],
    ['that are no object', '"a"'],
  ]
  for (const [what, value] of unusable) {
    it(`${what} are POSITION_INVALID, with the place and without the value`, async () => {
      await assert.rejects(foldCheckpoint(read([entry('stream', value)])), {
        code: 'POSITION_INVALID',
        message: /^entry stream at offset 0 of c\.checkpoint /,
      })
    })
  }

  it('that cannot be read do not matter once a later one can', async () => {
    const records = [
      entry('stream', '{"format":9}'),
      ...checkpointRecords({ stream: { position: 'a', epoch: 1 } }, by('w1')),
    ]
    assert.deepEqual(await folded(records), { stream: { position: 'a', epoch: 1 } })
  })
})
