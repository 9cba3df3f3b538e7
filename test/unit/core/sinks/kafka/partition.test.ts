import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { hashKey, murmur2 } from '../../../../../core/sinks/kafka/partition.ts'

describe('partitions', () => {
  it('hashes keys of 0 to 64 bytes, high bits set too, as the Java client does', () => {
    // Made by kafka-clients 4.3.0: key in hex, Utils.murmur2(key), its toPositive modulo 12.
    const lines = readFileSync(new URL('murmur2-vectors.txt', import.meta.url), 'utf8')
      .trim()
      .split('\n')
    assert.equal(lines.length, 449)
    for (const line of lines) {
      const [hex = '', hash, partition] = line.split(' ')
      const key = hex === '-' ? Buffer.alloc(0) : Buffer.from(hex, 'hex')
      assert.equal(murmur2(key), Number(hash), line)
      assert.equal(hashKey(key, 0, key.length) % 12, Number(partition), line)
    }
  })

  it('hashes the keys of the Java client’s own tests as they say', () => {
    const known: readonly [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ]
    for (const [key, hash] of known) assert.equal(murmur2(Buffer.from(key)), hash, key)
  })

  it('hashes a view into a larger buffer by the view alone', () => {
    const whole = Buffer.from('xxfoobarxx')
    assert.equal(murmur2(whole.subarray(2, 8)), murmur2(Buffer.from('foobar')))
    assert.equal(murmur2(whole, 2, 8), murmur2(Buffer.from('foobar')))
  })
})
