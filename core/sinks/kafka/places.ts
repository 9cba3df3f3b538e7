import { TributaryError } from '../../errors.ts'
import type { Cluster } from './client.ts'
import type { FetchedPartition } from './fetch.ts'

/** How far a partition has been read, and how far it is to be read. */
export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
  nextOffset: number
  /** The offset at which reading ends; infinite when it does not. */
  readonly endOffset: number
}

/**
 * An offset, the same for every partition; or the first record of this time or later, in milliseconds; or so many
 * offsets before the end.
 */
export type From =
  | 'beginning'
  | 'end'
  | { readonly offset: number }
  | { readonly timeMs: number }
  | { readonly last: number }

/**
 * `end`: what is committed when reading begins. `written`: all that is written by then, so that reading waits for
 * transactions that are under way; for a log with one writer, which none may be missing of. `never`: goes on.
 */
export type Until = 'end' | 'written' | 'never'

interface PlacesOptions {
  readonly topics: readonly string[]
  readonly from: From
  readonly until: Until
}

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const EARLIEST = -2
const LATEST = -1
/** What Kafka answers when no record is as late as asked for. */
const NONE = -1
const OFFSET_OUT_OF_RANGE = 1
const TOPIC_AUTHORIZATION_FAILED = 29
/** A broker that has just come back may answer with nothing although there is something. */
const EMPTY_ANSWERS_THAT_TELL = 4

/** The partitions of a reading, who leads them, and where each of them stands. */
export class Places {
  readonly #cluster: Cluster
  readonly #options: PlacesOptions
  readonly #places = new Map<string, PartitionPlace>()
  #leaders = new Map<string, number>()
  #emptyAnswers = 0

  constructor(cluster: Cluster, options: PlacesOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  get unfinished(): PartitionPlace[] {
    return [...this.#places.values()].filter(place => place.nextOffset < place.endOffset)
  }

  get all(): PartitionPlace[] {
    return [...this.#places.values()]
  }

  at(topic: string, partition: number): PartitionPlace {
    return this.#places.get(placeName(topic, partition))!
  }

  leaderOf(topic: string, partition: number): number {
    return this.#leaders.get(placeName(topic, partition)) ?? -1
  }

  /** Connects, and finds out where reading begins and ends. */
  async find(): Promise<void> {
    await this.refreshLeaders()
    const { from, until } = this.#options
    const earliest = await this.#offsetsAt(EARLIEST)
    const end = await this.#offsetsAt(LATEST, until === 'written' ? READ_UNCOMMITTED : READ_COMMITTED)
    const asked =
      typeof from === 'object' && 'timeMs' in from ? await this.#offsetsAt(from.timeMs) : undefined
    for (const [name, { topic, partition, offset: endOffset }] of end) {
      const startOffset = startOf(from, {
        earliest: earliest.get(name)!.offset,
        end: endOffset,
        asked: asked?.get(name)?.offset,
      })
      const place = {
        topic,
        partition,
        nextOffset: startOffset,
        endOffset: until === 'never' ? Infinity : endOffset,
      }
      this.#places.set(name, place)
    }
  }

  async refreshLeaders(): Promise<void> {
    await this.#cluster.connect()
    await this.#cluster.addMultipleTargetTopics(this.#options.topics)
    await this.#cluster.refreshMetadata()
    const leaders = new Map<string, number>()
    for (const topic of this.#options.topics) {
      for (const { partitionId, leader } of this.#cluster.findTopicPartitionMetadata(topic)) {
        leaders.set(placeName(topic, partitionId), leader)
      }
    }
    this.#leaders = leaders
  }

  /**
   * Nothing comes of any partition, again and again, although all up to their ends is stable: what is left there are
   * offsets whose batches compaction has taken. An answer without the partitions says nothing of them: so a broker
   * answers a reader that has used up its quota.
   */
  noteAnswers(answers: readonly FetchedPartition[]): void {
    const hasAll = answers.length === this.unfinished.length
    const isEmpty = answers.every(
      ({ topic, partition, records, lastStableOffset }) =>
        records.length === 0 && lastStableOffset >= this.at(topic, partition).endOffset,
    )
    this.#emptyAnswers = hasAll && isEmpty ? this.#emptyAnswers + 1 : 0
    if (this.#emptyAnswers < EMPTY_ANSWERS_THAT_TELL) return
    for (const place of this.unfinished) place.nextOffset = place.endOffset
  }

  errorOf({ topic, partition, errorCode, logStartOffset }: FetchedPartition): TributaryError {
    const place = `partition ${partition} of ${topic}`
    switch (errorCode) {
      case OFFSET_OUT_OF_RANGE: {
        const { nextOffset } = this.at(topic, partition)
        const message = `offset ${nextOffset} of ${place} is not in its log, which begins at ${logStartOffset}`
        return new TributaryError('POSITION_INVALID', message)
      }
      case TOPIC_AUTHORIZATION_FAILED:
        return new TributaryError('KAFKA_REFUSED', `${place} may not be read by this user`)
      default:
        return new TributaryError('KAFKA_UNREACHABLE', `${place} cannot be read for now: error ${errorCode}`)
    }
  }

  async #offsetsAt(
    timestamp: number,
    isolationLevel = READ_COMMITTED,
  ): Promise<Map<string, { topic: string; partition: number; offset: number }>> {
    const byLeader = Map.groupBy(this.#leaders, ([, leader]) => leader)
    const answers = await Promise.all(
      Array.from(byLeader, async ([nodeId, named]) => {
        const broker = await this.#cluster.findBroker({ nodeId: String(nodeId) })
        const topics = Map.groupBy(named, ([name]) => topicOf(name))
        return broker.listOffsets({
          isolationLevel,
          topics: Array.from(topics, ([topic, partitions]) => ({
            topic,
            partitions: partitions.map(([name]) => ({ partition: partitionOf(name), timestamp })),
          })),
        })
      }),
    )
    return new Map(
      answers
        .flatMap(({ responses }) => responses)
        .flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [
            placeName(topic, partition),
            { topic, partition, offset: Number(offset) },
          ]),
        ),
    )
  }
}

function startOf(from: From, known: { earliest: number; end: number; asked: number | undefined }): number {
  if (from === 'beginning') return known.earliest
  if (from === 'end') return known.end
  if ('last' in from) return Math.max(known.end - from.last, known.earliest)
  if ('offset' in from) return Math.min(Math.max(from.offset, known.earliest), known.end)
  return known.asked === undefined || known.asked === NONE ? known.end : known.asked
}

/** No topic's name holds a slash. */
function placeName(topic: string, partition: number): string {
  return `${topic}/${partition}`
}

function topicOf(name: string): string {
  return name.slice(0, name.indexOf('/'))
}

function partitionOf(name: string): number {
  return Number(name.slice(name.indexOf('/') + 1))
}
