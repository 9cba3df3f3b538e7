import { TributaryError } from '../../errors.ts'
import { type Broker, type FetchRequest, fetchRequest } from './client.ts'
import { WireReader } from './wire.ts'

/** How much later than asked for an answer may come before it counts as lost. */
const ANSWER_LATE_MS = 1_000

/** What one partition answered to a fetch. */
export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  /** Kafka's error number; 0 is none. */
  readonly errorCode: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly aborted: readonly AbortedTransaction[]
  /** Record batches as they stand in the log, the last one perhaps cut. */
  readonly records: Buffer
}

/** A transaction whose records are in the answer, or may be, and do not count. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

/**
 * Fetches, and reads the answer without the client's decoder: that loses the offsets of batches whose records
 * compaction has taken, and takes any record with a key of four zero bytes for an abort marker.
 */
export async function fetchPartitions(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]> {
  return broker.connectionPool.send({
    request: fetchRequest(request),
    response: { decode: async payload => payload, parse: async payload => readFetchResponse(payload) },
    requestTimeout: request.maxWaitTime + ANSWER_LATE_MS,
  })
}

/**
 * The fetch response, version 11 (https://kafka.apache.org/protocol#The_Messages_Fetch):
 *
 *   throttle int32, error int16, session int32, topics [ name string, partitions [ partition int32, error int16,
 *     high_watermark int64, last_stable_offset int64, log_start_offset int64,
 *     aborted [ producer_id int64, first_offset int64 ], preferred_replica int32, records: size int32 and bytes ] ]
 *
 * Throws KAFKA_UNREACHABLE for an error of the whole answer, which has no partitions then, and PROTOCOL_MALFORMED.
 */
export function readFetchResponse(payload: Buffer): FetchedPartition[] {
  const reader = new WireReader(payload)
  reader.int32()
  const errorCode = reader.int16()
  if (errorCode !== 0) throw new TributaryError('KAFKA_UNREACHABLE', `a fetch is refused: error ${errorCode}`)
  reader.int32()
  return reader
    .array(() => {
      const topic = reader.text()
      return reader.array(() => readPartition(topic, reader))
    })
    .flat()
}

function readPartition(topic: string, reader: WireReader): FetchedPartition {
  const partition = reader.int32()
  const errorCode = reader.int16()
  reader.int64()
  const lastStableOffset = reader.int64()
  const logStartOffset = reader.int64()
  const aborted = reader.array(() => ({ producerId: reader.bigint64(), firstOffset: reader.int64() }))
  reader.int32()
  return { topic, partition, errorCode, lastStableOffset, logStartOffset, aborted, records: reader.bytes() }
}
