import type { FetchedPartition } from '../../core/sinks/kafka/fetch.ts'
import { wireInt32, wireText } from '../../core/sinks/kafka/wire.ts'

// Answers as a broker writes them; the layouts stand above the functions that read them.

/** A fetch response of version 11, each partition in a topic entry of its own. */
export function writeFetchResponse(partitions: readonly FetchedPartition[]): Buffer {
  const topics = partitions.map(answer => [wireText(answer.topic), wireInt32(1), ...partitionParts(answer)])
  return Buffer.concat([wireInt32(0), int16(0), wireInt32(0), wireInt32(partitions.length), ...topics.flat()])
}

function partitionParts(answer: FetchedPartition): Buffer[] {
  const { partition, errorCode, lastStableOffset, logStartOffset, aborted, records } = answer
  return [
    wireInt32(partition),
    int16(errorCode),
    int64(lastStableOffset),
    int64(lastStableOffset),
    int64(logStartOffset),
    wireInt32(aborted.length),
    ...aborted.flatMap(({ producerId, firstOffset }) => [int64(producerId), int64(firstOffset)]),
    wireInt32(-1),
    wireInt32(records.length),
    records,
  ]
}

/** A metadata response of version 8: one broker, topics of one partition, all rights. */
export function writeMetadataResponse(topics: readonly string[]): Buffer {
  const rights = wireInt32(0xffff)
  const ids = [wireInt32(1), wireInt32(1)]
  const partition = [int16(0), wireInt32(0), wireInt32(1), wireInt32(0), ...ids, ...ids, wireInt32(0)]
  return Buffer.concat([
    wireInt32(0),
    wireInt32(1),
    ...[wireInt32(1), wireText('localhost'), wireInt32(9092), wireText(null)],
    wireText('cluster'),
    wireInt32(1),
    wireInt32(topics.length),
    ...topics.flatMap(topic => [
      ...[int16(0), wireText(topic), Buffer.of(0)],
      ...[wireInt32(1), ...partition, rights],
    ]),
    rights,
  ])
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
