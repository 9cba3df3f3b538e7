import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyMoves, keyChanged } from '../../../core/key-moves.ts'
import { UNAVAILABLE, Unfit, type Value } from '../../../core/types.ts'
import { column, table } from '../../support/events.ts'

const seats = table('seats', { deferrableKey: true })
const pairs = table('pairs', { columns: [column('a'), column('b')], key: [0, 1], deferrableKey: true })
const blobs = table('blobs', {
  columns: [column('id', { kind: 'bytes' }), column('name')],
  deferrableKey: true,
})

describe('key moves', () => {
  it('tell keys of several columns apart, however their texts are cut', () => {
    const moves = new KeyMoves()
    moves.arrive(pairs, ['1:a', 'b'])
    assert.equal(moves.leave(pairs, ['1', 'a1:b']), false)
  })

  it('compare keys of bytes by their bytes', () => {
    const moves = new KeyMoves()
    moves.arrive(blobs, [Buffer.from([1, 2]), 'new'])
    assert.equal(moves.leave(blobs, [Buffer.from([1, 3]), 'old']), false)
    assert.equal(moves.leave(blobs, [Buffer.from([1, 2]), 'old']), true)
  })

  it('tell rows apart that differ inside an array, a map or a value that does not fit', () => {
    const parts = table('parts', {
      columns: [column('id', { kind: 'int' }), column('v', { kind: 'array', items: { kind: 'string' } })],
      deferrableKey: true,
    })
    const values: readonly Value[] = [
      ['1', '2'],
      ['1,2'],
      ['1', null],
      ['1', ''],
      [['1'], '2'],
      new Map([['1', '2']]),
      new Map([['1', null]]),
      new Unfit('{{1}}'),
      new Unfit('{{2}}'),
    ]
    for (const arrived of values) {
      for (const left of values) {
        const moves = new KeyMoves()
        moves.arrive(parts, [1, arrived])
        assert.equal(moves.leave(parts, [1, left]), arrived !== left)
      }
    }
  })

  it('take null, its text and what was not sent for three things', () => {
    const moves = new KeyMoves()
    for (const [arrived, left] of [
      [null, 'null'],
      ['null', UNAVAILABLE],
    ] as const) {
      moves.arrive(seats, [1, arrived])
      assert.equal(moves.leave(seats, [1, left]), true)
    }
  })

  it('keep a key that two rows have come to, while one of them stays', () => {
    const moves = new KeyMoves()
    moves.arrive(seats, [5, 'a'])
    moves.arrive(seats, [5, 'c'])
    assert.equal(moves.leave(seats, [5, 'b']), true)
    assert.equal(moves.leave(seats, [5, 'a']), true)
    assert.equal(moves.leave(seats, [5, 'c']), false)
  })

  it('stop with an error when there are more than fit', () => {
    const moves = new KeyMoves(2)
    moves.arrive(seats, [1, 'a'])
    moves.arrive(seats, [2, 'a'])
    assert.throws(() => moves.arrive(seats, [3, 'a']), {
      code: 'KEY_CHANGES_TOO_MANY',
      message: /public\.seats/,
    })
  })

  it('make room when rows leave, and when a table is forgotten', () => {
    const moves = new KeyMoves(1)
    moves.arrive(seats, [1, 'a'])
    moves.leave(seats, [1, 'a'])
    moves.arrive(seats, [2, 'a'])
    moves.clear(seats)
    moves.arrive(seats, [3, 'a'])
  })
})

describe('a key has changed', () => {
  it('when one of its columns has', () => {
    assert.equal(keyChanged(pairs, ['a', 'b'], ['a', 'c']), true)
    assert.equal(keyChanged(blobs, [Buffer.from([1]), 'x'], [Buffer.from([2]), 'x']), true)
  })

  it('not when it is the same, or was not sent', () => {
    assert.equal(keyChanged(blobs, [Buffer.from([1]), 'x'], [Buffer.from([1]), 'y']), false)
    assert.equal(keyChanged(pairs, ['a', UNAVAILABLE], ['a', 'c']), false)
    assert.equal(keyChanged(pairs, null, ['a', 'c']), false)
  })
})
