import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { postgresSettings } from '../../../connectors/postgres/settings.ts'
import { loadConfig } from '../../../core/config/load.ts'
import { CANARY, type Target } from '../target.ts'
import { HOSTILE_TEXTS } from './hostile.ts'

const CONNECTOR = `
name: shop
kafka: &kafka
  brokers: ["kafka:9092", 'other:9092']
  sasl: { mechanism: plain, username: user, password: "\${SECRET}" }
registry: {url: "http://registry:8081", auth: {username: user, password: "\${SECRET}"}}
topics:
  partitions: 8 # a comment
source:
  type: postgres
  url: postgres://tributary:\${SECRET}@db:5432/shop?sslmode=require
  tables: ["public.*", "!public.scratch_*"]
  keys:
    public.orders: [id, "other one"]
  heartbeatMs: 500
tombstones: false
`
const WORKER = `
kafka:
  brokers: [kafka:9092]
http: { host: 127.0.0.1, port: 8080 }
log:
  level: >-
    info
`

/**
 * The files of a configuration, written into `folder`. The secret comes from the environment, and no mistake in a file
 * may tell it.
 */
export function configTarget(folder: string): Target {
  return {
    name: 'configuration',
    turns: 2,
    codes: ['CONFIG_INVALID'],
    corpus: [[Buffer.from(CONNECTOR), Buffer.from(WORKER)]],
    // Whoever writes these files is no enemy; a slip of the finger is short.
    hostile: HOSTILE_TEXTS.map(text => [text.subarray(0, 4_000), Buffer.from(WORKER)]),
    isSequence: false,
    growth: 4_096,
    read: ([connector = '', worker = '']) => {
      writeFileSync(join(folder, 'shop.yaml'), connector)
      writeFileSync(join(folder, 'worker.yaml'), worker)
      loadConfig(folder, {
        sources: { postgres: postgresSettings },
        environment: { SECRET: CANARY },
        needsKafka: true,
      })
    },
  }
}
