import { TributaryError } from '../../errors.ts'
import type { RecordMetadata } from './client.ts'
import type { Request } from './requests.ts'

/**
 * Holds Kafka's answers against what was sent. The client drops records for partitions that it does not know, and
 * takes a record that the broker swallowed as a repetition for written; both fulfil like a success. So every
 * partition must be in the answer, and its offset must be beyond the last one seen there.
 */
export class Acknowledgements {
  /** By topic and partition, the offset that the next record gets at the least. */
  readonly #nextOffsets = new Map<string, bigint[]>()
  readonly #written = new Map<string, number[]>()
  #mostWritten = 0

  /** Most records that one partition was sent since the last call of `startProducer`. */
  get mostWritten(): number {
    return this.#mostWritten
  }

  /** A new producer numbers its records from nought; offsets go on. */
  startProducer(): void {
    this.#written.clear()
    this.#mostWritten = 0
  }

  /** Throws KAFKA_WRITE_UNSOUND. */
  accept(request: Request, answers: readonly RecordMetadata[]): void {
    const byPartition = new Map(answers.map(answer => [`${answer.topicName}/${answer.partition}`, answer]))
    for (const { topic, counts } of request.topics) {
      counts.forEach((count, partition) => {
        const answer = byPartition.get(`${topic}/${partition}`)
        this.#acceptPartition({ topic, partition, count }, answer)
      })
    }
  }

  #acceptPartition(sent: { topic: string; partition: number; count: number }, answer?: RecordMetadata): void {
    const { topic, partition, count } = sent
    const place = `${topic}, partition ${partition}`
    if (answer === undefined) throw unsound(`${place} is missing from the answer to a write`)
    if (answer.errorCode !== 0) throw unsound(`${place} answered a write with error ${answer.errorCode}`)
    const offset = BigInt(answer.baseOffset ?? -1)
    const nextOffset = listOf(this.#nextOffsets, topic)
    const least = nextOffset[partition] ?? 0n
    if (offset < least) throw unsound(`${place} gave a write offset ${offset} after offset ${least - 1n}`)
    nextOffset[partition] = offset + BigInt(count)
    const written = listOf(this.#written, topic)
    written[partition] = (written[partition] ?? 0) + count
    this.#mostWritten = Math.max(this.#mostWritten, written[partition])
  }
}

function listOf<T>(lists: Map<string, T[]>, topic: string): T[] {
  let list = lists.get(topic)
  if (list === undefined) {
    list = []
    lists.set(topic, list)
  }
  return list
}

function unsound(message: string): TributaryError {
  return new TributaryError('KAFKA_WRITE_UNSOUND', message)
}
