import type { Writable } from 'node:stream'
import { TributaryError } from '../errors.ts'
import type { Checkpoint, OutRecord, Sink } from '../types.ts'
import { readStateFile, writeStateFile } from './state-file.ts'

export interface StdoutSinkOptions {
  /** Where the lines go: `process.stdout`. */
  readonly output: Writable
  /** Keeps the checkpoint; undefined: it ends with the process. */
  readonly stateFile?: string | undefined
}

/** Bytes of lines that are handed over at a time. */
const CHUNK_BYTES = 64 * 1024

/**
 * One line of JSON per record, `{"topic", "partition", "key", "value"}`; a tombstone has the value null. Keys and
 * values must be JSON already (`format: json`) and are passed on as they are, so that no digit and no order of
 * fields changes. At least once: what a crash leaves between the lines and the state file is printed again.
 */
export function createStdoutSink(options: StdoutSinkOptions): Sink {
  return new StdoutSink(options)
}

/** States: new -open-> open -write settles-> open; open -write rejects-> failed; any -close-> closed. */
class StdoutSink implements Sink {
  readonly #options: StdoutSinkOptions
  #checkpoint: Checkpoint = {}
  #isOpen = false

  constructor(options: StdoutSinkOptions) {
    this.#options = options
  }

  async open(): Promise<Checkpoint> {
    const { output, stateFile } = this.#options
    if (stateFile !== undefined) {
      this.#checkpoint = await readStateFile(stateFile)
      // A file that cannot be written is told now, before a slot is made or a line printed.
      await writeStateFile(stateFile, this.#checkpoint)
    }
    if (!output.listeners('error').includes(alreadyTold)) output.on('error', alreadyTold)
    this.#isOpen = true
    return this.#checkpoint
  }

  async write(records: readonly OutRecord[], checkpoint: Checkpoint): Promise<void> {
    if (!this.#isOpen) throw new TributaryError('INTERNAL', 'a write to a sink that is not open')
    try {
      await this.#print(records)
      this.#checkpoint = { ...this.#checkpoint, ...checkpoint }
      if (this.#options.stateFile !== undefined)
        await writeStateFile(this.#options.stateFile, this.#checkpoint)
    } catch (error) {
      this.#isOpen = false
      throw error
    }
  }

  /** The output stays open: it is not ours. */
  async close(): Promise<void> {
    this.#isOpen = false
  }

  /** Each chunk waits until the one before has been taken, so a slow reader slows us down. */
  async #print(records: readonly OutRecord[]): Promise<void> {
    let lines = ''
    for (const record of records) {
      lines += lineOf(record)
      if (lines.length < CHUNK_BYTES) continue
      await this.#flush(lines)
      lines = ''
    }
    if (lines !== '') await this.#flush(lines)
  }

  #flush(lines: string): Promise<void> {
    const { output } = this.#options
    return new Promise((resolve, reject) => {
      output.write(lines, error => {
        if (!error) return resolve()
        reject(
          new TributaryError('OUTPUT_CLOSED', `the output takes no more (${error.message})`, {
            cause: error,
          }),
        )
      })
    })
  }
}

/** A write's callback has told it; without a listener the same error would also end the process, even later. */
const alreadyTold = (): void => {}

function lineOf({ topic, partition, key, value, headers }: OutRecord): string {
  const place = `{"topic":${JSON.stringify(topic)},"partition":${partition}`
  // Few records have any: they tell which fields of the value are not to be taken as they stand there.
  const more = headers === undefined ? '' : `,"headers":${JSON.stringify(headers)}`
  return `${place},"key":${jsonOf(key)},"value":${jsonOf(value)}${more}}\n`
}

function jsonOf(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
}
