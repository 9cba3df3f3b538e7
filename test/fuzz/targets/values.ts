import { isDeepStrictEqual } from 'node:util'
import { readPosition } from '../../../connectors/postgres/position.ts'
import { typeCodec } from '../../../connectors/postgres/values.ts'
import type { Target } from '../target.ts'
import { HOSTILE_TEXTS } from './hostile.ts'
import { TYPED_TEXTS } from './typed-texts.ts'

/** What can lie around a text in memory. It must not be taken for a part of it. */
const SURROUNDINGS = ['9'.repeat(32), '(["{}\\"\'])'.repeat(4)]

/** Every text is read as every type: a decoder answers with a value or with none, and throws nothing. */
export function valuesTarget(): Target {
  const codecs = TYPED_TEXTS.flatMap(({ type }) =>
    (['precise', 'string'] as const).map(decimals => typeCodec(type, { decimals })),
  )
  return {
    name: 'values',
    turns: 10,
    codes: [],
    corpus: TYPED_TEXTS.flatMap(({ texts }) => texts.map(text => [Buffer.from(text)])),
    hostile: HOSTILE_TEXTS.map(text => [text]),
    isSequence: false,
    growth: 256 * codecs.length,
    read: ([text = Buffer.alloc(0)]) => {
      const memories = SURROUNDINGS.map(around =>
        Buffer.concat([Buffer.from(around), text, Buffer.from(around)]),
      )
      for (const { type, decodeText } of codecs) {
        const [value, again] = memories.map((memory, index) => {
          const start = SURROUNDINGS[index]?.length ?? 0
          return decodeText(memory, start, start + text.length)
        })
        if (!isDeepStrictEqual(value, again))
          throw new Error(`${type.kind} depends on what lies around its text`)
      }
    },
  }
}

export function positionsTarget(): Target {
  return {
    name: 'positions',
    turns: 5,
    codes: ['POSITION_INVALID'],
    corpus: [
      '1;lsn=0/16B3748',
      '1;lsn=FFFFFFFF/FFFFFFFF;commit=0/16B3800;xid=734;skip=50000;capture=9ae0c1f2',
    ].map(text => [Buffer.from(text)]),
    hostile: HOSTILE_TEXTS.map(text => [text]),
    isSequence: false,
    growth: 64,
    read: ([text]) => void readPosition(String(text)),
  }
}
