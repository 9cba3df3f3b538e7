import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TributaryError } from '../../core/errors.ts'
import { fuzz } from '../fuzz/fuzzer.ts'
import { CANARY, type Target } from '../fuzz/target.ts'
import { fuzzWatched } from '../fuzz/watched.ts'

const SOUND = Buffer.from('a sound input')

/** Reads what is sound; `read` gets the rest. */
const target = (read: () => void): Target => ({
  name: 'example',
  turns: 1,
  codes: ['PROTOCOL_MALFORMED'],
  corpus: [[SOUND]],
  hostile: [],
  isSequence: false,
  growth: 0,
  read: ([text]) => {
    if (!text?.equals(SOUND)) read()
  },
})

const refuse =
  (code: ConstructorParameters<typeof TributaryError>[0], told = '', cause?: unknown) =>
  () => {
    throw new TributaryError(code, `refused ${told}`, { cause })
  }

async function found(read: () => void): Promise<string | undefined> {
  let left = 50
  return (await fuzz({ targets: [target(read)], seed: 1, next: () => left-- > 0 }))?.what
}

describe('fuzzing', () => {
  it('Damaged bytes give coded errors only, and tell no values', async () => {
    const { FUZZ_SEED = '1', FUZZ_SECONDS = '1' } = process.env
    await fuzzWatched({ seed: Number(FUZZ_SEED), seconds: Number(FUZZ_SECONDS) })
  })

  it('finds errors without a code, codes that do not belong, values told, and memory taken', async () => {
    assert.equal(await found(() => undefined), undefined)
    assert.equal(await found(refuse('PROTOCOL_MALFORMED')), undefined)
    assert.match((await found(() => Buffer.alloc(0).readInt8(4))) ?? '', /threw RangeError/)
    assert.match((await found(refuse('INTERNAL'))) ?? '', /threw INTERNAL/)
    assert.match((await found(refuse('PROTOCOL_MALFORMED', CANARY))) ?? '', /told a value/)
    const cause = new Error(CANARY)
    assert.match((await found(refuse('PROTOCOL_MALFORMED', '', cause))) ?? '', /told a value/)
    const held: Buffer[] = []
    assert.match((await found(() => held.push(Buffer.alloc(32 << 20)))) ?? '', /took \d+ bytes/)
  })
})
