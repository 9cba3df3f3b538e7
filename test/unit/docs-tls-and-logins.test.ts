import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { postgresSettings } from '../../connectors/postgres/index.ts'
import { kafkaSettings, registrySettings } from '../../core/config/settings.ts'
import { createAuthority } from '../support/certificates.ts'

const page = readFileSync(new URL('../../docs/09-tls-and-logins.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)

const authority = createAuthority('A')
const { cert, key } = authority.issue({ name: 'a' })

/** What `${...}` would bring in. */
function filledIn(value: unknown): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{[^}]*\}/g, name =>
      name.includes('ca.pem')
        ? authority.cert
        : name.includes('key.pem')
          ? key
          : name.includes('.pem')
            ? cert
            : 'x',
    )
  }
  if (Array.isArray(value)) return value.map(filledIn)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, filledIn(inner)]))
}

describe('every example of TLS and logins', () => {
  it('is there', () => assert.ok(blocks.length >= 8))
  for (const block of blocks) {
    it(`is sound: ${block.trim().split('\n').at(-1)?.trim()}`, () => {
      const { source, kafka, registry, sasl } = filledIn(parse(block)) as Record<string, object | undefined>
      if (source) postgresSettings.parse(source)
      else if (kafka) kafkaSettings.parse(kafka)
      else if (registry) registrySettings.parse(registry)
      else kafkaSettings.parse({ brokers: ['k:1'], sasl })
    })
  }
})
