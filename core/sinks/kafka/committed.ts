import type { AbortedTransaction, FetchedPartition } from './fetch.ts'
import { isAbortMarker, type LogRecord, readBatches, readRecords } from './record-decoder.ts'

/** A stretch of a partition's log with what counts of it. */
export interface CommittedBatch {
  readonly records: readonly LogRecord[]
  /** Where reading goes on; offsets without a record count as read. */
  readonly nextOffset: number
}

/**
 * What is committed of a fetch's answer, batch after batch, from this offset on. The answer, fetched up to the
 * last stable offset, names every aborted transaction that has records in it, also one whose marker comes later.
 * A producer's records do not count from the transaction's first offset to its abort marker; the same producer
 * can abort again, and another's records may stand between. Nothing needs to be kept from one fetch to the next.
 */
export function* committedBatches(fetched: FetchedPartition, from: number): Generator<CommittedBatch> {
  const waiting = fetched.aborted.toSorted((a, b) => b.firstOffset - a.firstOffset)
  const aborting = new Set<bigint>()
  for (const batch of readBatches(fetched.records)) {
    while ((waiting.at(-1)?.firstOffset ?? Number.POSITIVE_INFINITY) <= batch.lastOffset) {
      aborting.add((waiting.pop() as AbortedTransaction).producerId)
    }
    if (batch.isControl && isAbortMarker(batch)) aborting.delete(batch.producerId)
    if (batch.lastOffset < from) continue
    const counts = !batch.isControl && !(batch.isTransactional && aborting.has(batch.producerId))
    yield { records: counts ? readRecords(batch, from) : NOTHING, nextOffset: batch.lastOffset + 1 }
  }
}

const NOTHING: readonly LogRecord[] = []
