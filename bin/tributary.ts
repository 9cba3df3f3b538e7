#!/usr/bin/env node
import { beginWithSmallHeap } from './heap.ts'

// A worker runs for years; the other commands are over before their heap grows.
if (process.argv[2] === 'run') beginWithSmallHeap()
// Not before: what is loaded until then is loaded twice.
await import('./main.ts')
