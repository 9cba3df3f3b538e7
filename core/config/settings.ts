import { z } from 'zod'
import { LOG_LEVELS } from '../log.ts'
import { httpUrl, registryAuth, sasl, tlsBlock } from './credentials.ts'
import { flag, wholeNumber } from './values.ts'

// Settings are data: parsing, messages and the table in the README all come from these schemas.

export const kafkaSettings = z.strictObject({
  brokers: z
    .array(z.string().regex(/^[^\s:[\]]+:\d{1,5}$|^\[[\da-fA-F:.]+\]:\d{1,5}$/, 'must be HOST:PORT'))
    .min(1)
    .describe('Brokers to ask first, as HOST:PORT; an IPv6 address as [ADDRESS]:PORT'),
  tls: z.union([flag, tlsBlock]).optional().describe('`true`, or certificates'),
  sasl: sasl.optional().describe('Login'),
})

export const registrySettings = z
  .strictObject({
    url: httpUrl.describe('The Confluent API of the schema registry'),
    auth: registryAuth.optional().describe('`username` and `password`, or a token'),
    tls: tlsBlock.optional().describe('Certificates, for an https URL'),
  })
  .superRefine(({ url, tls }, context) => {
    if (!tls || url.startsWith('https:')) return
    context.addIssue({ code: 'custom', path: ['tls'], message: 'needs a URL that begins with https://' })
  })

export const topicSettings = z.strictObject({
  prefix: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,150}$/, 'may hold letters, digits and . _ -, at most 150')
    .optional()
    .describe('First part of every topic name; default: the connector’s `name`'),
  partitions: wholeNumber(1, 10_000).default(8).describe('Partitions of a topic that is created'),
  replication: wholeNumber(1, 100)
    .optional()
    .describe('Replicas of a topic that is created; default: what the brokers have as theirs'),
})

/** Names end up in topics, slots and transactional ids. */
export const connectorName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9_-]{0,49}$/,
    'may hold lower-case letters, digits, _ and -, at most 50, and begins with a letter or digit',
  )

/** What a connector file holds beside `source`. */
export const connectorShape = {
  name: connectorName.describe('Names the connector: its topics, its slot, its checkpoint. Never change it'),
  kafka: kafkaSettings.optional().describe('Where the events go; may stand in `worker.yaml` instead'),
  registry: registrySettings
    .optional()
    .describe('Needed for `format: avro`; may stand in `worker.yaml` instead'),
  topics: topicSettings.prefault({}).describe('How topics are named and made'),
  format: z.enum(['avro', 'json']).default('avro').describe('How records are written'),
  delivery: z
    .enum(['exactly-once', 'at-least-once'])
    .default('exactly-once')
    .describe('Whether events and checkpoint are one Kafka transaction'),
  snapshot: z
    .literal('never', {
      error: 'must be "never": this version does not read the rows that are there before it starts',
    })
    .default('never')
    .describe('Rows that were there before the first start are not read'),
  tombstones: flag
    .default(true)
    .describe('A delete is followed by a tombstone, so that compaction forgets the row'),
  transactions: flag.default(false).describe('Fill the `transaction` block of every event'),
  onIncompatible: z
    .literal('stop', {
      error: 'must be "stop": "new-topic" begins with reading the table, which this version does not do',
    })
    .default('stop')
    .describe(
      'What a new shape does that readers of a topic could not follow: the connector stops before its first row',
    ),
  required: flag.default(false).describe('The worker exits when this connector has stopped'),
}

export const workerSettings = z.strictObject({
  kafka: connectorShape.kafka.describe('For every connector that has none of its own'),
  registry: connectorShape.registry.describe('For every connector that has none of its own'),
  http: z
    .strictObject({
      host: z.string().default('0.0.0.0').describe('Address to listen on'),
      port: wholeNumber(0, 65_535)
        .default(8080)
        .describe('Port of `/healthz`, `/readyz`, `/metrics`, `/status`'),
    })
    .prefault({})
    .describe('Where the worker answers operators'),
  log: z
    .strictObject({ level: z.enum(LOG_LEVELS).default('info').describe('Least level that is written') })
    .prefault({})
    .describe('What the worker writes about itself'),
})

export type KafkaSettings = z.output<typeof kafkaSettings>
export type RegistrySettings = z.output<typeof registrySettings>
export type WorkerSettings = z.output<typeof workerSettings>
