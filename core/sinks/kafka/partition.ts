const MULTIPLIER = 0x5bd1e995
const SEED = 0x9747b28c
const ROTATION = 24

/**
 * What Java's default partitioner takes modulo the partition count: murmur2 with Kafka's seed, its sign bit cleared.
 * Topics with equal keys and counts are therefore co-partitioned with what JVM producers write.
 */
export function hashKey(bytes: Uint8Array, start: number, end: number): number {
  return murmur2(bytes, start, end) & 0x7fffffff
}

/** The 32-bit hash as a signed integer, equal to `org.apache.kafka.common.utils.Utils.murmur2`. */
export function murmur2(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let hash = SEED ^ (end - start)
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    const mixed = Math.imul(word, MULTIPLIER)
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(mixed ^ (mixed >>> ROTATION), MULTIPLIER)
  }
  const rest = end - at
  if (rest > 0) {
    if (rest === 3) hash ^= bytes[at + 2]! << 16
    if (rest >= 2) hash ^= bytes[at + 1]! << 8
    hash = Math.imul(hash ^ bytes[at]!, MULTIPLIER)
  }
  hash = Math.imul(hash ^ (hash >>> 13), MULTIPLIER)
  return hash ^ (hash >>> 15)
}
