import type { Dice } from '../connectors/postgres/workload.ts'

// Damage as links, disks and enemies do it. Everything follows from the dice, so that a seed brings it again.

/** Longer ones are cut: what goes wrong goes wrong in small inputs too, and many of those fit into a second. */
const MAX_BYTES = 1 << 16

type Mutation = (bytes: Buffer, dice: Dice, others: readonly Buffer[]) => Buffer

/** Numbers at which lengths and counts go wrong. */
const EXTREMES = [0, 1, -1, -2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, -0x8000_0000]
/** The same as Kafka's and Avro's varints: zigzag, seven bits to a byte; the last one never ends. */
const VARINTS = [
  '01',
  '02',
  'feffffff0f',
  'ffffffff0f',
  'feffffffffffffffff01',
  'ffffffffffffffffff01',
  'ff',
].map(hex => Buffer.from(hex, 'hex'))
/** Letters on which parsers turn. */
const LETTERS = Buffer.from('"\\\'{}[](),:;-+.eE0919 \n\0nutKON&*!|>#%@`')

const place = (bytes: Buffer, dice: Dice): number => dice.roll(bytes.length + 1)

/** Puts `piece` in place of `removed` bytes. */
function replace(
  bytes: Buffer,
  at: number,
  { removed = 0, piece = EMPTY }: { removed?: number; piece?: Buffer },
): Buffer {
  return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(Math.min(bytes.length, at + removed))])
}

const EMPTY: Buffer = Buffer.alloc(0)

function slice(bytes: Buffer, dice: Dice): Buffer {
  const start = place(bytes, dice)
  return bytes.subarray(start, start + 1 + dice.roll(64))
}

const randomBytes = (dice: Dice, length: number): Buffer =>
  Buffer.from(Array.from({ length }, () => dice.roll(256)))

function integer(dice: Dice, near: number): Buffer {
  const width = dice.pick([1, 2, 4, 8])
  const value = BigInt(dice.roll(4) === 0 ? near + dice.roll(5) - 2 : dice.pick(EXTREMES))
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(value)
  return bytes.subarray(8 - width)
}

const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, dice) {
    const flipped = Buffer.from(bytes)
    for (let count = 1 + dice.roll(4); count > 0 && bytes.length > 0; count--)
      flipped[dice.roll(bytes.length)]! ^= 1 << dice.roll(8)
    return flipped
  },
  function setLetter(bytes, dice) {
    const piece = Buffer.of(dice.pick([...LETTERS, 0, 0x7f, 0x80, 0xff]))
    return replace(bytes, place(bytes, dice), { removed: dice.roll(2), piece })
  },
  function truncate(bytes, dice) {
    return bytes.subarray(0, place(bytes, dice))
  },
  function duplicate(bytes, dice) {
    return replace(bytes, place(bytes, dice), { piece: slice(bytes, dice) })
  },
  function remove(bytes, dice) {
    return replace(bytes, place(bytes, dice), { removed: 1 + dice.roll(16) })
  },
  function splice(bytes, dice, others) {
    return replace(bytes, place(bytes, dice), {
      removed: dice.roll(32),
      piece: slice(dice.pick(others), dice),
    })
  },
  function setInteger(bytes, dice) {
    const at = place(bytes, dice)
    const piece = integer(dice, bytes.length - at)
    return replace(bytes, at, { removed: piece.length, piece })
  },
  function setVarint(bytes, dice) {
    return replace(bytes, place(bytes, dice), { removed: 1 + dice.roll(3), piece: dice.pick(VARINTS) })
  },
  function insertNoise(bytes, dice) {
    return replace(bytes, place(bytes, dice), { piece: randomBytes(dice, 1 + dice.roll(24)) })
  },
  function repeatLetter(bytes, dice) {
    const piece = Buffer.alloc(1 + dice.roll(2_000), dice.pick([...LETTERS]))
    return replace(bytes, place(bytes, dice), { piece })
  },
  function onlyNoise(_bytes, dice) {
    return randomBytes(dice, dice.roll(200))
  },
]

/** A copy with one damage or several; `others` are where foreign pieces come from. */
export function mutate(bytes: Buffer, dice: Dice, others: readonly Buffer[]): Buffer {
  let mutated = bytes
  for (let count = 1 + dice.roll(3); count > 0; count--) mutated = dice.pick(MUTATIONS)(mutated, dice, others)
  return Buffer.from(mutated.subarray(0, MAX_BYTES))
}

/** Some parts are damaged; parts of a sequence can also be lost, come twice or change places. */
export function mutateParts(parts: readonly Buffer[], dice: Dice, isSequence: boolean): Buffer[] {
  const mutated = [...parts]
  for (let count = 1 + dice.roll(2); count > 0; count--) {
    const index = dice.roll(mutated.length)
    const part = mutated[index] as Buffer
    const choice = isSequence && mutated.length > 1 ? dice.roll(8) : 7
    if (choice === 0) mutated.splice(index, 1)
    else if (choice === 1) mutated.splice(dice.roll(mutated.length), 0, part)
    else mutated[index] = mutate(part, dice, parts)
  }
  return mutated
}
