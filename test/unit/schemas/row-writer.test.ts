import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MissingFields } from '../../../schemas/missing-fields.ts'
import { compileKeyWriter, compileRowWriter } from '../../../schemas/row-writer.ts'
import { anyRows } from './arbitraries.ts'

// Bytes written behind the end of a buffer are lost without an error.
test('no row and no key takes more room than was asked for it', () => {
  const check = fc.property(anyRows, ({ table, after }) => {
    const rowWriter = compileRowWriter(table, new MissingFields(table.columns.map(({ name }) => name)))
    for (const writer of [rowWriter, compileKeyWriter(table)]) {
      const row = after ?? []
      const room = Buffer.alloc(writer.bound(row) + 1024)
      assert.ok(writer.write(room, 0, row) <= room.length - 1024)
    }
  })
  fc.assert(check, { numRuns: 300 })
})
