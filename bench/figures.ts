/** What one run has shown: a name, what it was run with, and numbers with their unit in their name. */
export interface Figures {
  readonly what: string
  readonly [name: string]: string | number
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits))

/** One JSON line for programs; the table for people comes at the end. */
export function print(figures: Figures): Figures {
  console.log(JSON.stringify(figures))
  return figures
}
