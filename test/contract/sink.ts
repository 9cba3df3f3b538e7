import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TributaryError } from '../../core/errors.ts'
import type { CheckpointEntry, OutRecord, Sink } from '../../core/types.ts'

/** What a reader of the sink's output sees; keys and values are the JSON texts that were written. */
export interface VisibleRecord {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly value: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly timestampMs?: number
}

/** One connector's place in a sink, new and empty. */
export interface SinkHarness {
  /** Takes records with keys; partitions 0 and 1. */
  readonly topic: string
  /** Takes records without keys too; partitions 0 and 1. */
  readonly keylessTopic: string
  /** A new sink of the connector, not opened yet. */
  sink(): Sink
  /** Everything that can be read now, each partition in its order. */
  visible(): Promise<VisibleRecord[]>
  /** Has the sink make a write of this record and others that must be refused; resolves to its rejection. */
  refused(sink: Sink, record: OutRecord): Promise<unknown>
  close(): Promise<void>
}

export interface SinkFeatures {
  /** Nothing of a write that was refused can be seen. */
  readonly atomic: boolean
  /** Opening a second sink ends the first. */
  readonly fencing: boolean
  /** Headers and timestamps reach the reader. */
  readonly headers: boolean
}

export interface SinkContract {
  readonly name: string
  readonly features: SinkFeatures
  readonly open: () => Promise<SinkHarness>
}

const TIME_MS = 1_780_000_000_000
const entry = (position: string): CheckpointEntry => ({ position, epoch: 1 })
const at = (position: string) => ({ stream: entry(position) })

/** What every sink must do, see `Sink` in core/types.ts. To be called at the top of a test file. */
export function sinkContract({ name, features, open }: SinkContract): void {
  describe(`${name} as a sink`, () => {
    let harness: SinkHarness
    const sinks: Sink[] = []

    /** A sink that is open, with the checkpoint that it found. */
    const opened = async () => {
      const sink = harness.sink()
      sinks.push(sink)
      return { sink, checkpoint: await sink.open() }
    }
    const record = (key: number, value: object | null = { key }, partition = key % 2): OutRecord => ({
      topic: harness.topic,
      partition,
      key: Buffer.from(JSON.stringify({ key })),
      value: value === null ? null : Buffer.from(JSON.stringify(value)),
      timestampMs: TIME_MS + key,
    })
    const valuesOf = async (partition: number) =>
      (await harness.visible()).filter(seen => seen.partition === partition).map(({ value }) => value)

    const fresh = (claim: string, test: () => Promise<void>) =>
      it(claim, async () => {
        harness = await open()
        try {
          await test()
        } finally {
          await Promise.all(sinks.splice(0).map(sink => sink.close()))
          await harness.close()
        }
      })

    fresh('has an empty checkpoint at first', async () => {
      const { checkpoint } = await opened()
      assert.deepEqual(checkpoint, {})
    })

    fresh('gives back every entry that was written last under its name', async () => {
      const { sink } = await opened()
      await sink.write([record(1)], { stream: entry('1'), 'snapshot/public.a': entry('a') })
      await sink.write([record(2)], { stream: { position: '2 "ü"', epoch: 7 } })
      await sink.close()
      const { checkpoint } = await opened()
      assert.deepEqual(checkpoint, {
        stream: { position: '2 "ü"', epoch: 7 },
        'snapshot/public.a': entry('a'),
      })
    })

    fresh('moves the checkpoint without records, and takes records without an entry', async () => {
      const { sink } = await opened()
      await sink.write([], at('1'))
      await sink.write([record(2)], {})
      await sink.write([], {})
      await sink.close()
      const { checkpoint } = await opened()
      assert.deepEqual(checkpoint, at('1'))
      assert.deepEqual(await valuesOf(0), ['{"key":2}'])
    })

    fresh('keeps the order of each partition, within a write and from write to write', async () => {
      const { sink } = await opened()
      const expected: string[] = []
      for (let write = 0; write < 5; write++) {
        const records = Array.from({ length: 40 }, (_, index) => record(index, { write, index }))
        await sink.write(records, at(`${write}`))
        expected.push(...records.map(({ value }) => String(value)))
      }
      const ofPartition = (partition: number) => expected.filter((_, index) => index % 2 === partition)
      assert.deepEqual(await valuesOf(0), ofPartition(0))
      assert.deepEqual(await valuesOf(1), ofPartition(1))
    })

    fresh('writes tombstones and records without a key', async () => {
      const { sink } = await opened()
      const keyless = { ...record(3), topic: harness.keylessTopic, key: null }
      await sink.write([record(1, null), keyless], at('1'))
      const seen = (await harness.visible()).map(({ topic, key, value }) => ({ topic, key, value }))
      assert.deepEqual(
        seen.toSorted((a, b) => a.topic.localeCompare(b.topic)),
        [
          { topic: harness.topic, key: '{"key":1}', value: null },
          { topic: harness.keylessTopic, key: null, value: '{"key":3}' },
        ].toSorted((a, b) => a.topic.localeCompare(b.topic)),
      )
    })

    if (features.headers) {
      fresh('writes headers and timestamps', async () => {
        const { sink } = await opened()
        const headers = { unavailable: 'größe,note', empty: '' }
        const old = { ...record(4), timestampMs: 1 }
        await sink.write([{ ...record(2), headers }, old], at('1'))
        const seen = await harness.visible()
        assert.deepEqual(
          seen.map(each => [each.headers, each.timestampMs]),
          [
            [headers, TIME_MS + 2],
            [{}, 1],
          ],
        )
      })
    }

    fresh('takes a write of many megabytes', async () => {
      const { sink } = await opened()
      const note = 'x'.repeat(1000)
      const records = Array.from({ length: 12_000 }, (_, index) => record(index, { index, note }))
      await sink.write(records, at('1'))
      const indexes = (await valuesOf(1)).map(value => (JSON.parse(value!) as { index: number }).index)
      assert.deepEqual(
        indexes,
        Array.from({ length: 6_000 }, (_, index) => 2 * index + 1),
      )
    })

    fresh('is of no more use after a write was refused, and the next one begins before it', async () => {
      const { sink } = await opened()
      await sink.write([record(0)], at('1'))
      assert.ok((await harness.refused(sink, record(2))) instanceof TributaryError)
      await assert.rejects(sink.write([record(4)], at('3')))
      const { checkpoint, sink: next } = await opened()
      assert.deepEqual(checkpoint, at('1'))
      await next.write([record(6)], at('4'))
      const seen = await valuesOf(0)
      assert.ok(!seen.includes('{"key":4}'), 'nothing is written after the refusal')
      if (features.atomic) assert.deepEqual(seen, ['{"key":0}', '{"key":6}'])
    })

    fresh('refuses writes once it is closed', async () => {
      const { sink } = await opened()
      await sink.close()
      await assert.rejects(sink.write([record(0)], at('1')))
      assert.deepEqual(await harness.visible(), [])
    })

    if (features.fencing) {
      fresh(
        'is ended by a second sink of the connector, and nothing it still writes can be seen',
        async () => {
          const { sink: first } = await opened()
          await first.write([record(0)], at('1'))
          const { sink: second, checkpoint } = await opened()
          assert.deepEqual(checkpoint, at('1'))
          await assert.rejects(first.write([record(2)], at('2')), { code: 'FENCED' })
          await second.write([record(4)], at('3'))
          assert.deepEqual(await valuesOf(0), ['{"key":0}', '{"key":4}'])
        },
      )
    }
  })
}
