import type avsc from 'avsc'

// Arrays, and maps as arrays of entries: blocks of items (https://avro.apache.org/docs/1.11.1/specification/#schema-complex):
//
//   blocks: count long (negative: its absolute, and behind it the block's size in bytes as a long), items; then 0
//
// avsc looks at the end of its bytes only when all is read, and goes back in them at a negative length. So a count of
// five damaged bytes makes it gather items until memory is full, and a text of negative length lets it read one block
// for ever. Here no item may be outside the bytes or without any.

/** What avsc's types read from; its `_read` is no part of its interface, and its version is pinned. */
interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
}

interface ArrayType {
  readonly itemsType: { _read(tap: Tap): unknown }
}

/** An array's type that refuses counts and items which its bytes cannot hold. */
export function guardBlocks(type: avsc.Type): avsc.Type {
  const { itemsType } = type as unknown as ArrayType
  const read = (tap: Tap) => readItems(tap, () => itemsType._read(tap))
  // avsc's own are frozen.
  return Object.create(type, { _read: { value: read } }) as avsc.Type
}

function readItems<Item>(tap: Tap, readItem: () => Item): Item[] {
  const items: Item[] = []
  for (let count = readCount(tap); count > 0; count = readCount(tap)) {
    for (; count > 0; count--) {
      const start = tap.pos
      items.push(readItem())
      if (tap.pos <= start || tap.pos > tap.buf.length) throw new Error('the bytes end within a list')
    }
  }
  return items
}

function readCount(tap: Tap): number {
  const count = tap.readLong()
  if (count < 0) tap.readLong()
  const size = Math.abs(count)
  // No item of ours takes less than a byte.
  if (size > tap.buf.length - tap.pos) throw new Error('a list is longer than its bytes')
  return size
}
