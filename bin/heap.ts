import { setFlagsFromString } from 'node:v8'

/**
 * Lets the heap grow by need and not by habit. What a worker holds is small and short-lived, but on a machine with
 * much memory V8 lets garbage pile up to several times that: 440 MB where 200 do, at the same speed. Both flags are
 * read at each collection, so they hold although the heap exists already.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
  setFlagsFromString('--heap-growing-percent=20')
}
