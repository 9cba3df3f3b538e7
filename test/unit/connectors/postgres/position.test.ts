import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import {
  commitDigits,
  formatLsn,
  laterLsn,
  type Position,
  parseLsn,
  readPosition,
  writePosition,
} from '../../../../connectors/postgres/position.ts'

const lsn = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
const cut = fc.record(
  {
    commitLsn: lsn,
    xid: fc.integer({ min: 0, max: 0xffff_ffff }),
    skip: fc.integer({ min: 0, max: 1e12 }),
    capture: fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 8, maxLength: 8 }),
  },
  { noNullPrototype: true },
)
const position: fc.Arbitrary<Position> = fc.record({ lsn, cut: fc.option(cut) }, { noNullPrototype: true })

it('What is written as a position is read as the same position', () => {
  fc.assert(fc.property(position, value => assert.deepEqual(readPosition(writePosition(value)), value)))
})

it('An LSN is printed as Postgres prints it', () => {
  assert.equal(formatLsn(0x16b3748n), '0/16B3748')
  assert.equal(formatLsn(0xa_0000_00ffn), 'A/FF')
  fc.assert(fc.property(lsn, value => assert.equal(parseLsn(formatLsn(value)), value)))
})

it('Commits sort as text in their order as numbers', () => {
  fc.assert(fc.property(lsn, lsn, (a, b) => assert.equal(commitDigits(a) < commitDigits(b), a < b)))
})

it('The later of two places is the greater number, not the greater text', () => {
  assert.equal(laterLsn(parseLsn('0/9'), parseLsn('0/10')), parseLsn('0/10'))
})

it('A position of another format or another connector is refused, and named', () => {
  for (const text of [
    '',
    '2;lsn=0/1',
    '1;lsn=',
    '1;lsn=0/1;commit=0/2',
    '1;lsn=0/1 ',
    'binlog.000001:4',
    '1;lsn=0/G',
  ]) {
    assert.throws(() => readPosition(text), { code: 'POSITION_INVALID' })
  }
})
