import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Acknowledgements } from '../../../../../core/sinks/kafka/acknowledgements.ts'
import { RequestSplitter } from '../../../../../core/sinks/kafka/requests.ts'

const request = (...places: [topic: string, partition: number][]) => {
  const splitter = new RequestSplitter(() => 1_000_000)
  for (const [topic, partition] of places)
    splitter.add({ topic, partition, key: null, value: null, timestampMs: 0 })
  return splitter.take().requests[0]!
}
const answer = (topicName: string, partition: number, baseOffset: number, errorCode = 0) => ({
  topicName,
  partition,
  errorCode,
  baseOffset: String(baseOffset),
})
const UNSOUND = { code: 'KAFKA_WRITE_UNSOUND' }

describe('acknowledgements', () => {
  it('accept offsets that go on, also with gaps where markers stand', () => {
    const acknowledgements = new Acknowledgements()
    acknowledgements.accept(request(['a', 0], ['a', 0], ['b', 1]), [answer('a', 0, 5), answer('b', 1, 0)])
    acknowledgements.accept(request(['a', 0], ['b', 1]), [answer('b', 1, 1), answer('a', 0, 9)])
    assert.equal(acknowledgements.mostWritten, 3)
  })

  it('refuse an answer without one of the partitions', () => {
    const sent = request(['a', 0], ['a', 1])
    assert.throws(() => new Acknowledgements().accept(sent, [answer('a', 0, 5)]), UNSOUND)
    assert.throws(() => new Acknowledgements().accept(sent, []), { ...UNSOUND, message: /a, partition 0/ })
  })

  it('refuse an answer with an error or without an offset', () => {
    const sent = request(['a', 0])
    assert.throws(() => new Acknowledgements().accept(sent, [answer('a', 0, 5, 6)]), UNSOUND)
    assert.throws(() => new Acknowledgements().accept(sent, [answer('a', 0, -1)]), UNSOUND)
  })

  it('refuse an offset that another record has already, which is what a swallowed write answers', () => {
    for (const offset of [4, 5, 6]) {
      const acknowledgements = new Acknowledgements()
      acknowledgements.accept(request(['a', 0], ['a', 0]), [answer('a', 0, 5)])
      assert.throws(() => acknowledgements.accept(request(['a', 0]), [answer('a', 0, offset)]), UNSOUND)
    }
  })

  it('count anew for a new producer, and go on holding it to the offsets', () => {
    const acknowledgements = new Acknowledgements()
    acknowledgements.accept(request(['a', 0]), [answer('a', 0, 5)])
    acknowledgements.startProducer()
    assert.equal(acknowledgements.mostWritten, 0)
    assert.throws(() => acknowledgements.accept(request(['a', 0]), [answer('a', 0, 5)]), UNSOUND)
  })
})
