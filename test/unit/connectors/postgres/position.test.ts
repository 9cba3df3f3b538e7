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
const fingerprint = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 8, maxLength: 8 })
const cut = fc.record(
  {
    commitLsn: lsn,
    xid: fc.integer({ min: 0, max: 0xffff_ffff }),
    skip: fc.integer({ min: 0, max: 1e12 }),
    capture: fingerprint,
    trace: fingerprint,
  },
  { noNullPrototype: true },
)
const history = fc.record(
  {
    system: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }).map(String),
    timeline: fc.integer({ min: 1, max: 0xffff_ffff }),
  },
  { noNullPrototype: true },
)
const position: fc.Arbitrary<Position> = fc.record(
  { lsn, cut: fc.option(cut), history },
  { noNullPrototype: true, requiredKeys: ['lsn', 'cut'] },
)

it('What is written as a position is read as the same position', () => {
  fc.assert(fc.property(position, value => assert.deepEqual(readPosition(writePosition(value)), value)))
})

it('A position of the first format, which has no history, is still read', () => {
  assert.deepEqual(readPosition('1;lsn=0/16B3748'), { lsn: 0x16b3748n, cut: null })
  const cut = { commitLsn: 0x16b3800n, xid: 734, skip: 50_000, capture: '9ae0c1f2' }
  const text = ';commit=0/16B3800;xid=734;skip=50000;capture=9ae0c1f2'
  assert.deepEqual(readPosition(`1;lsn=0/16B3748${text}`), { lsn: 0x16b3748n, cut })
  const newer = `2;lsn=0/16B3748;system=7577012483941220401;timeline=3${text}`
  assert.deepEqual(readPosition(newer).history, { system: '7577012483941220401', timeline: 3 })
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
    '3;lsn=0/1',
    '1;lsn=0/1;system=1;timeline=1',
    '2;lsn=0/1;system=1',
    '1;lsn=',
    '1;lsn=0/1;commit=0/2',
    '1;lsn=0/1 ',
    'binlog.000001:4',
    '1;lsn=0/G',
  ]) {
    assert.throws(() => readPosition(text), { code: 'POSITION_INVALID' })
  }
})
