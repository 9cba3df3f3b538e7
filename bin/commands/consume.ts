import { once } from 'node:events'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/log.ts'
import { type CommittedRecord, readCommitted } from '../../core/sinks/kafka/reader.ts'
import { createDecoder, type Decoder } from '../../schemas/index.ts'
import { type ConsumeOptions, consumeOptions } from '../consume/options.ts'
import { jsonLine, keyIs, textLine } from '../consume/print.ts'
import type { Invocation } from '../usage.ts'

/** `tributary consume TOPIC...`: prints committed events until the end, or until it is told to stop. */
export async function consumeCommand(
  invocation: Invocation,
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  const options = consumeOptions(invocation, environment)
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  // A pipe's reader that has seen enough closes it: that ends us in order.
  process.stdout.on('error', () => stop.abort())
  const decoder = createDecoder(options.registry ? { registry: options.registry } : {})
  const records = readCommitted({ ...options, signal: stop.signal, clock: systemClock, log: silentLogger })
  for await (const batch of records) {
    const lines = await linesOf(batch, decoder, options)
    if (stop.signal.aborted) break
    if (lines && !process.stdout.write(lines)) await drained(stop.signal)
  }
  return 0
}

async function linesOf(
  batch: readonly CommittedRecord[],
  decoder: Decoder,
  options: ConsumeOptions,
): Promise<string> {
  let lines = ''
  for (const record of batch) {
    const headers = Object.fromEntries(record.headers.map(({ name, value }) => [name, value ?? undefined]))
    const message = await decoder.decode({ key: record.key, value: record.value, headers })
    if (options.key !== undefined && !keyIs(message.key, options.key)) continue
    lines += `${options.json ? jsonLine(record, message) : textLine(record, message)}\n`
  }
  return lines
}

async function drained(signal: AbortSignal): Promise<void> {
  await once(process.stdout, 'drain', { signal }).catch(error => {
    if (!signal.aborted) throw error
  })
}
