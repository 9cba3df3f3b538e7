import type { Clock } from './clock.ts'
import { GroupWriter } from './group-writer.ts'
import type { ChangeBatch, Encoder, Sink, Source } from './types.ts'
import { untilAborted } from './until-aborted.ts'
import type { Write, WriteLimits } from './write-buffer.ts'

/** What a pipeline tells about itself; all are called synchronously and must not throw. */
export interface PipelineObserver {
  /** Changes are being read: whatever is committed from now on will be published. */
  streaming(): void
  /** A batch has been read; it may have to wait before it is encoded. */
  read(batch: ChangeBatch): void
  /** A batch has been encoded and waits for its write. */
  batched(batch: ChangeBatch, held: { records: number; bytes: number }): void
  /** A write is durable. */
  written(write: Write, ms: number, held: { records: number; bytes: number }): void
}

export interface PipelineParts {
  readonly source: Source
  readonly encoder: Encoder
  readonly sink: Sink
  readonly clock: Clock
  readonly observer: PipelineObserver
  readonly limits?: WriteLimits
}

/**
 * Carries changes from a source to a sink until `signal` aborts; then writes what is buffered and returns.
 * Memory is bounded by two buffers, whatever the size of a transaction. A crash at any line loses nothing and
 * repeats nothing: events and checkpoint are one write, and only what is written is acknowledged.
 *
 * @throws whatever source, encoder or sink threw; the parts are then of no more use
 */
export async function runPipeline(parts: PipelineParts, signal: AbortSignal): Promise<void> {
  const { source, encoder, sink, observer } = parts
  const failed = new AbortController()
  const stop = AbortSignal.any([signal, failed.signal])
  const writer = new GroupWriter({
    ...parts,
    onDurable: (write, ms) => {
      encoder.release(write.batches)
      source.acknowledge(write.checkpoint)
      observer.written(write, ms, writer.held)
    },
    onFailure: error => failed.abort(error),
  })
  const checkpoint = await untilAborted(sink.open(), signal)
  if (checkpoint === undefined) return
  let isStreaming = false
  try {
    for await (const batch of source.stream(checkpoint, stop)) {
      if (!isStreaming) observer.streaming()
      isStreaming = true
      observer.read(batch)
      const preparing = encoder.prepare(batch, stop)
      if (preparing) await preparing
      writer.add(encoder.encode(batch), batch)
      observer.batched(batch, writer.held)
      if (writer.isFull) await writer.room()
    }
  } catch (error) {
    // What a stop interrupts may reject (a wait for the registry); that is no failure.
    if (!stop.aborted) {
      // What came before is sound, and is published before the connector stops or begins again.
      await writer.drain()
      throw error
    }
  }
  await writer.drain()
}
