import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { findJava } from '../services/java.ts'
import { kafka } from '../services/kafka.ts'

// Kafka's own console consumer: the reader that the product shares nothing with, and the only one at hand whose
// read_committed is right in every case.

export interface RawRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly headers: Readonly<Record<string, string>>
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** The consumer ends when nothing has come for this long; joining its group takes part of it. */
const QUIET_MS = 4_000
/** On a machine that is busy enough nothing has come before it has joined. */
const LONG_QUIET_MS = 30_000
const NULL = '<null>'
const BYTES = 'org.apache.kafka.common.serialization.BytesDeserializer'

const formatter = (name: string, value: string) => ['--formatter-property', `${name}=${value}`]

/** Every committed record of a topic, in the order of each partition. */
export async function readCommittedByJava(brokers: string, topic: string): Promise<RawRecord[]> {
  const records = await readUntilQuiet(brokers, topic, QUIET_MS)
  return records.length > 0 ? records : readUntilQuiet(brokers, topic, LONG_QUIET_MS)
}

async function readUntilQuiet(brokers: string, topic: string, quietMs: number): Promise<RawRecord[]> {
  const jars = await kafka.install()
  const java = await findJava({ name: 'kafka', variable: 'TEST_KAFKA_BROKERS' }, 17)
  const child = spawn(
    java,
    [
      ...['-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-cp', `${jars}/*`],
      'org.apache.kafka.tools.consumer.ConsoleConsumer',
      ...['--bootstrap-server', brokers, '--topic', topic, '--from-beginning'],
      ...['--isolation-level', 'read_committed', '--timeout-ms', String(quietMs)],
      ...['partition', 'offset', 'timestamp', 'headers', 'key'].flatMap(name =>
        formatter(`print.${name}`, 'true'),
      ),
      ...formatter('null.literal', NULL),
      ...formatter('key.deserializer', BYTES),
      ...formatter('value.deserializer', BYTES),
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const records: RawRecord[] = []
  for await (const line of createInterface({ input: child.stdout, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (/^(Create|LogAppend)Time:/.test(line)) records.push(parseLine(line))
  }
  return records
}

function parseLine(line: string): RawRecord {
  const [time = '', partition = '', offset = '', headers = '', key = '', value = ''] = line.split('\t')
  const number = (text: string) => Number(text.slice(text.indexOf(':') + 1))
  return {
    timestampMs: number(time),
    partition: number(partition),
    offset: number(offset),
    headers: headers === 'NO_HEADERS' ? {} : parseHeaders(headers),
    key: parseBytes(key),
    value: parseBytes(value),
  }
}

/** `name:value,name:value`; a value that holds commas goes on until the next name. */
function parseHeaders(text: string): Record<string, string> {
  const parsed: Record<string, string> = {}
  let last = ''
  for (const part of text.split(',')) {
    const colon = part.indexOf(':')
    if (colon < 0) parsed[last] += `,${part}`
    else {
      last = part.slice(0, colon)
      parsed[last] = part.slice(colon + 1)
    }
  }
  return parsed
}

/** What is not printable ASCII, and the backslash, is written as \xHH. */
function parseBytes(text: string): Buffer | null {
  if (text === NULL) return null
  return Buffer.from(
    text.replace(/\\x([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  )
}
