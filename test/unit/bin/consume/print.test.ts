import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { jsonLine, keyIs, textLine } from '../../../../bin/consume/print.ts'
import type { DecodedMessage, Fields } from '../../../../schemas/index.ts'

const RECORD = {
  topic: 'shop.public.orders',
  partition: 2,
  offset: 7,
  key: null,
  value: null,
  headers: [],
  timestampMs: Date.UTC(2026, 0, 2),
}
const PLACE = 'shop.public.orders/2@7  2026-01-02T00:00:00.000Z'

const message = (op: string, before: Fields | null, after: Fields | null): DecodedMessage =>
  ({
    kind: op === 't' ? 'truncate' : 'event',
    key: op === 't' ? null : { id: 1 },
    event: { op, before, after },
    unavailable: [],
    unavailableBefore: [],
    unavailableTexts: {},
    unavailableBeforeTexts: {},
  }) as unknown as DecodedMessage

const tombstone: DecodedMessage = {
  kind: 'tombstone',
  key: { id: 1 },
  event: null,
  unavailable: [],
  unavailableBefore: [],
  unavailableTexts: {},
  unavailableBeforeTexts: {},
}

describe('a line for people', () => {
  it('shows a new row', () => {
    const row = { id: 1, name: 'a', data: Buffer.from([1, 255]), big: 2n ** 60n, none: null }
    assert.equal(
      textLine(RECORD, message('c', null, row)),
      `${PLACE}  create    id=1  id=1 name="a" data=0x01ff big="1152921504606846976" none=null`,
    )
  })

  it('shows what an update has changed, and only that', () => {
    const line = textLine(
      RECORD,
      message('u', { id: 1, a: 'x', b: Buffer.from('1') }, { id: 1, a: 'y', b: Buffer.from('1') }),
    )
    assert.equal(line, `${PLACE}  update    id=1  a: "x" -> "y"`)
  })

  it('shows arrays and maps, and values that their field cannot hold', () => {
    const row = { id: 1, a: [1, null, Buffer.from('hi')], m: { type: 'Buffer', data: 'x' }, grid: null }
    const event = {
      ...message('c', null, row),
      unavailable: ['grid'],
      unavailableTexts: { grid: '{{1},{2}}' },
    }
    assert.equal(
      textLine(RECORD, event),
      `${PLACE}  create    id=1  id=1 a=[1,null,"aGk="] m={"type":"Buffer","data":"x"} grid="{{1},{2}}"`,
    )
    assert.deepEqual(JSON.parse(jsonLine(RECORD, event)).unavailableTexts, { grid: '{{1},{2}}' })
  })

  it('shows deletes, truncates and tombstones', () => {
    assert.equal(textLine(RECORD, message('d', { id: 1 }, null)), `${PLACE}  delete    id=1`)
    assert.equal(textLine(RECORD, message('t', null, null)), `${PLACE}  truncate  -`)
    assert.equal(textLine(RECORD, tombstone), `${PLACE}  tombstone  id=1`)
  })
})

describe('a line for pipes', () => {
  it('is JSON whatever the values are', () => {
    const line = jsonLine(RECORD, message('c', null, { big: 2n ** 60n, data: Buffer.from('hi') }))
    const parsed = JSON.parse(line) as { offset: number; event: { after: unknown } }
    assert.equal(parsed.offset, 7)
    assert.deepEqual(parsed.event.after, { big: '1152921504606846976', data: 'aGk=' })
  })
})

describe('the key that is asked for', () => {
  it('is the value of a key of one column, or the whole key as JSON', () => {
    assert.equal(keyIs({ id: 5 }, '5'), true)
    assert.equal(keyIs({ id: 5 }, '{"id":5}'), true)
    assert.equal(keyIs({ street: 'a, b', number: 1 }, '{"street":"a, b","number":1}'), true)
    assert.equal(keyIs({ number: 1, street: 'x' }, '{ "street": "x", "number": 1 }'), true)
  })

  it('is not another one', () => {
    assert.equal(keyIs({ id: 5 }, '6'), false)
    assert.equal(keyIs({ a: 5, b: 6 }, '5'), false)
    assert.equal(keyIs(null, '5'), false)
  })
})

describe('a line for programs', () => {
  it('tells numbers that are none apart from null', () => {
    const row = { a: Number.NaN, b: Number.NEGATIVE_INFINITY, c: null }
    const { event } = JSON.parse(jsonLine(RECORD, message('c', null, row)))
    assert.deepEqual(event.after, { a: 'NaN', b: '-Infinity', c: null })
  })
})
