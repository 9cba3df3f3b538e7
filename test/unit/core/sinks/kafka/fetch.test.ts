import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readFetchResponse } from '../../../../../core/sinks/kafka/fetch.ts'
import { writeFetchResponse } from '../../../../support/kafka-responses.ts'

const offset = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const plain = { noNullPrototype: true }
const partition = fc.record(
  {
    topic: fc.string({ maxLength: 40 }),
    partition: fc.nat(),
    errorCode: fc.integer({ min: -1, max: 120 }),
    lastStableOffset: offset,
    logStartOffset: offset,
    aborted: fc.array(
      fc.record(
        { producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), firstOffset: offset },
        plain,
      ),
      { maxLength: 4 },
    ),
    records: fc.uint8Array({ maxLength: 100 }).map(bytes => Buffer.from(bytes)),
  },
  plain,
)

describe('a fetch response', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.array(partition, { maxLength: 5 }), answers => {
        assert.deepEqual(readFetchResponse(writeFetchResponse(answers)), answers)
      }),
    )
  })

  it('that is refused as a whole is an error, and not an answer without records', () => {
    const refused = writeFetchResponse([])
    refused.writeInt16BE(-1, 4)
    assert.throws(() => readFetchResponse(refused), { code: 'KAFKA_UNREACHABLE', message: /error -1/ })
  })

  it('that ends anywhere before its end is refused, its records never taken for fewer', () => {
    const answers = fc.array(partition, { minLength: 1, maxLength: 2 })
    fc.assert(
      fc.property(answers, fc.double({ min: 0, max: 0.999, noNaN: true }), (sent, share) => {
        const whole = writeFetchResponse(sent)
        const cut = whole.subarray(0, Math.floor(whole.length * share))
        assert.throws(() => readFetchResponse(cut), { code: 'PROTOCOL_MALFORMED' })
      }),
    )
  })
})
