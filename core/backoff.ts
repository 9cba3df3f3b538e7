/**
 * Milliseconds to wait before the attempt with this number (from 0): doubling from `firstMs` to `maxMs`, with up
 * to a quarter taken off at random so that many workers do not come back at the same moment.
 */
export function backoffMs(
  attempt: number,
  limits: { firstMs: number; maxMs: number },
  random: () => number = Math.random,
): number {
  const full = Math.min(limits.maxMs, limits.firstMs * 2 ** Math.min(attempt, 30))
  return Math.round(full * (1 - random() / 4))
}
