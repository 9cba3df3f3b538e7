import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Arena } from '../../../schemas/arena.ts'

const MIB = 1 << 20

/** Writes `size` bytes, each the record's own mark. */
function write(arena: Arena, size: number, mark: number) {
  arena.reserve(size)
  const bytes = arena.chunk
  const start = arena.at
  bytes.fill(mark, start, start + size)
  arena.keep(start + size)
  return { size, mark, content: bytes.subarray(start, start + size) }
}

test('records stay as they were until their batch is released, whatever is written and released meanwhile', () => {
  const batch = fc.array(fc.integer({ min: 1, max: MIB + 1000 }), { maxLength: 4 })
  const steps = fc.array(fc.record({ batch, released: fc.nat({ max: 3 }) }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(steps, script => {
      const arena = new Arena()
      const held: ReturnType<typeof write>[][] = []
      let mark = 0
      for (const { batch, released } of script) {
        held.push(batch.map(size => write(arena, size, mark++ % 256)))
        arena.mark()
        const count = Math.min(released, held.length)
        if (count > 0) arena.release(count)
        held.splice(0, count)
        for (const record of held.flat()) {
          assert.ok(record.content.equals(Buffer.alloc(record.size, record.mark)))
        }
      }
    }),
    { numRuns: 50 },
  )
})

test('memory that is released is used again', () => {
  const arena = new Arena()
  const chunks = new Set<Buffer>()
  for (let index = 0; index < 100; index++) {
    write(arena, MIB / 2, index)
    chunks.add(arena.chunk)
    arena.mark()
    arena.release(1)
  }
  assert.ok(chunks.size <= 3, `${chunks.size} chunks`)
})
