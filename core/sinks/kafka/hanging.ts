import { backoffMs } from '../../backoff.ts'
import type { Clock } from '../../clock.ts'
import { TributaryError } from '../../errors.ts'
import type { Broker, Cluster, TopicPartitions } from './client.ts'
import { askForCoordinator, askForOutcome } from './coordinator.ts'
import { fetchMetadata } from './metadata.ts'
import { Places } from './places.ts'
import type { Tenure } from './tenure.ts'

// Kafka ends a transaction by a marker in each partition. A coordinator that has just been restarted leaves out the
// partitions that have no leader at that moment, takes them for deleted, and never comes back to them (seen on 4.3,
// when a broker was killed right after it had confirmed a commit). The transaction then hangs there: readers of what
// is committed see nothing of it, nor of anything after it, until somebody ends it.

interface HangingOptions {
  readonly transactionalId: string
  readonly checkpointTopic: string
  /** Whose `outcome` is what the coordinator has decided, as far as this worker has heard. */
  readonly tenure: Tenure
  readonly clock: Clock
  /** Aborted when the sink closes. */
  readonly signal: AbortSignal
}

/** For the transaction that mends. */
const TIMEOUT_MS = 30_000
/** Some six seconds in all: transactions of others, and leaders that have just changed, take less. */
const LOOKS = 12
const LOOK_BACKOFF = { firstMs: 20, maxMs: 1_000 }

/**
 * Fences whoever writes under the id, and ends its last transaction also where it hangs, as had been decided. To be
 * asked again after a failure. Resolves to the number of partitions that were mended. Throws KAFKA_TRANSACTION_HANGS
 * when nobody can tell any more what had been decided.
 */
export async function endLastTransaction(cluster: Cluster, options: HangingOptions): Promise<number> {
  const { checkpointTopic, tenure, transactionalId } = options
  const coordinator = await askForCoordinator(cluster, transactionalId)
  const outcome = await askForOutcome(coordinator, transactionalId)
  // A coordinator forgets it as soon as a producer begins, which may be all that an attempt before came to do.
  if (outcome !== 'none') tenure.outcome = outcome
  const identity = await coordinator.initProducerId({ transactionalId, transactionTimeout: TIMEOUT_MS })
  const hanging = await hangingPartitions(
    cluster,
    await connectorTopics(coordinator, checkpointTopic),
    options,
  )
  if (tenure.outcome !== 'none' && hanging.length > 0) {
    const transaction = { ...identity, transactionalId }
    // It holds nothing but these partitions. Its markers, of the same producer, end what stands open there.
    await coordinator.addPartitionsToTxn({ ...transaction, topics: hanging })
    await coordinator.endTxn({ ...transaction, transactionResult: tenure.outcome === 'committed' })
  } else if (hanging.some(({ topic }) => topic === checkpointTopic)) {
    // Other topics may be another connector's, whose prefix goes on where ours ends, and its transactions with them.
    throw unknownOutcome(checkpointTopic)
  }
  const mended = tenure.outcome === 'none' ? [] : hanging
  tenure.outcome = 'none'
  return mended.reduce((count, { partitions }) => count + partitions.length, 0)
}

async function connectorTopics(broker: Broker, checkpointTopic: string): Promise<string[]> {
  const prefix = checkpointTopic.slice(0, checkpointTopic.lastIndexOf('.') + 1)
  const { topics } = await fetchMetadata(broker, 'all')
  return topics.map(({ topic }) => topic).filter(topic => topic.startsWith(prefix))
}

/**
 * Where not all that is written by now gets committed or aborted. Looked at more than once: what stands open may be
 * another's transaction, or a leader's that does not know yet what its replicas have of the end.
 */
async function hangingPartitions(
  cluster: Cluster,
  topics: readonly string[],
  { clock, signal }: Pick<HangingOptions, 'clock' | 'signal'>,
): Promise<TopicPartitions[]> {
  const written = new Places(cluster, { topics, from: 'end', until: 'written' })
  await written.find()
  for (let look = 0, left = topics; ; look++) {
    const open = await openPartitions(cluster, left, written)
    left = open.map(({ topic }) => topic)
    if (left.length === 0 || look === LOOKS || signal.aborted) return open
    await clock.sleep(backoffMs(look, LOOK_BACKOFF), signal)
  }
}

async function openPartitions(
  cluster: Cluster,
  topics: readonly string[],
  written: Places,
): Promise<TopicPartitions[]> {
  const ended = new Places(cluster, { topics, from: 'end', until: 'end' })
  await ended.find()
  const open = ended.all.filter(
    ({ topic, partition, endOffset }) => endOffset < written.at(topic, partition).endOffset,
  )
  const byTopic = Map.groupBy(open, ({ topic }) => topic)
  return Array.from(byTopic, ([topic, places]) => ({
    topic,
    partitions: places.map(({ partition }) => partition),
  }))
}

function unknownOutcome(checkpointTopic: string): TributaryError {
  return new TributaryError(
    'KAFKA_TRANSACTION_HANGS',
    `the last transaction in ${checkpointTopic} was neither committed nor aborted there, and its coordinator has forgotten what it had decided`,
  )
}
