import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { describe, it } from 'node:test'
import { createStdoutSink } from '../../../../core/sinks/stdout.ts'
import type { OutRecord } from '../../../../core/types.ts'
import { type SinkHarness, sinkContract, type VisibleRecord } from '../../../contract/sink.ts'
import { settled } from '../../../support/manual-clock.ts'

/** Keeps what is written; refuses it once `isBroken`, and takes nothing while `isHeld`. */
class Output extends Writable {
  text = ''
  isBroken = false
  isHeld = false
  #release: (() => void) | null = null

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    if (!this.isBroken) this.text += chunk.toString()
    if (this.isHeld) this.#release = done
    else done(this.isBroken ? Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }) : undefined)
  }

  release(): void {
    this.isHeld = false
    this.#release?.()
  }
}

const record = (value: string | null, key: string | null = '{"id":1}'): OutRecord => ({
  topic: 't',
  partition: 3,
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
  timestampMs: 0,
})
const at = (position: string) => ({ stream: { position, epoch: 1 } })

async function harness(): Promise<SinkHarness> {
  const folder = await mkdtemp(join(tmpdir(), 'tributary-stdout-'))
  const stateFile = join(folder, 'state.json')
  const outputs: Output[] = []
  let current = new Output()
  const next = () => {
    current = new Output()
    outputs.push(current)
    return current
  }
  return {
    topic: 'a',
    keylessTopic: 'b',
    sink: () => createStdoutSink({ output: next(), stateFile }),
    visible: async () => outputs.flatMap(({ text }) => text.split('\n').slice(0, -1).map(parseLine)),
    refused: (sink, refused) => {
      current.isBroken = true
      return sink.write([refused], {}).catch((error: unknown) => error)
    },
    close: () => rm(folder, { recursive: true }),
  }
}

function parseLine(line: string): VisibleRecord {
  const { key, value, ...place } = JSON.parse(line) as VisibleRecord
  const text = (part: unknown) => (part === null ? null : JSON.stringify(part))
  return { ...place, key: text(key), value: text(value) }
}

sinkContract({
  name: 'standard output',
  features: { atomic: true, fencing: false, headers: false },
  open: harness,
})

describe('standard output', () => {
  it('prints one line per record and passes keys, values and headers on as they are', async () => {
    const output = new Output()
    const sink = createStdoutSink({ output })
    await sink.open()
    const headers = { unavailable: 'größe', 'unavailable.text': '{"größe":"NaN"}' }
    const lacking = { ...record('{"op":"u"}'), headers }
    await sink.write(
      [record('{"z":1,"a":9007199254740993}'), record(null), record('{"op":"t"}', null), lacking],
      {},
    )
    assert.deepEqual(output.text.split('\n'), [
      '{"topic":"t","partition":3,"key":{"id":1},"value":{"z":1,"a":9007199254740993}}',
      '{"topic":"t","partition":3,"key":{"id":1},"value":null}',
      '{"topic":"t","partition":3,"key":null,"value":{"op":"t"}}',
      `{"topic":"t","partition":3,"key":{"id":1},"value":{"op":"u"},"headers":${JSON.stringify(headers)}}`,
      '',
    ])
  })

  it('waits until its lines have been taken, and moves the state file only then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tributary-stdout-'))
    const stateFile = join(folder, 'state.json')
    const output = new Output()
    const sink = createStdoutSink({ output, stateFile })
    await sink.open()
    await sink.write([], at('1'))
    output.isHeld = true
    const writing = sink.write([record('{}')], at('2'))
    await settled()
    assert.match(await readFile(stateFile, 'utf8'), /"position":"1"/)
    output.release()
    await writing
    assert.match(await readFile(stateFile, 'utf8'), /"position":"2"/)
    await rm(folder, { recursive: true })
  })

  it('ends with OUTPUT_CLOSED when its reader is gone, and the process goes on', async () => {
    const output = new Output()
    const sink = createStdoutSink({ output })
    await sink.open()
    output.isBroken = true
    await assert.rejects(sink.write([record('{}')], at('1')), { code: 'OUTPUT_CLOSED' })
    await sink.close()
    await settled()
  })

  it('keeps the checkpoint to itself without a state file', async () => {
    const sink = createStdoutSink({ output: new Output() })
    assert.deepEqual(await sink.open(), {})
    await sink.write([], at('1'))
    await sink.close()
    assert.deepEqual(await sink.open(), at('1'))
  })

  const damages: readonly [string, string][] = [
    ['is empty', ''],
    ['is cut', '{"format":1,"checkpoint":{"stre'],
    ['is a number', '7'],
    ['has an unknown format', '{"format":2,"checkpoint":{}}'],
    ['has no checkpoint', '{"format":1}'],
    ['has an entry without a position', '{"format":1,"checkpoint":{"stream":{"epoch":1}}}'],
    ['has an empty entry', '{"format":1,"checkpoint":{"stream":null}}'],
  ]
  for (const [what, text] of damages) {
    it(`refuses to start with STATE_UNUSABLE when the state file ${what}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), 'tributary-stdout-'))
      const stateFile = join(folder, 'state.json')
      await writeFile(stateFile, text)
      const sink = createStdoutSink({ output: new Output(), stateFile })
      await assert.rejects(sink.open(), { code: 'STATE_UNUSABLE' })
      assert.equal(await readFile(stateFile, 'utf8'), text)
      await rm(folder, { recursive: true })
    })
  }

  it('refuses to start with STATE_UNUSABLE when the state file cannot be written', async () => {
    const sink = createStdoutSink({ output: new Output(), stateFile: '/nowhere/at/all/state.json' })
    await assert.rejects(sink.open(), { code: 'STATE_UNUSABLE' })
  })
})
