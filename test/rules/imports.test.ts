import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { importCycles, importViolations } from './imports.ts'
import { parseSources, readSources } from './source.ts'

describe('imports', () => {
  const sources = parseSources(readSources())

  it('go only where they may', () => {
    assert.deepEqual(importViolations(sources), [])
  })

  it('never run in a circle', () => {
    assert.deepEqual(importCycles(sources), [])
  })
})

describe('the rule on imports', () => {
  for (const [path, text] of [
    ['core/a.ts', "import { x } from '../connectors/postgres/index.ts'"],
    ['core/a.ts', "import type { X } from '../schemas/avro.ts'"],
    ['core/a.ts', "export { x } from './sinks/stdout.ts'"],
    ['core/a.ts', "import { x } from '../bin/tributary.ts'"],
    ['core/a.ts', "import { x } from 'avsc'"],
    ['core/sinks/kafka/sink.ts', "import type { Producer } from 'kafkajs'"],
    ['core/sinks/kafka/sink.ts', "const part = require('kafkajs/src/cluster')"],
    ['core/sinks/kafka/sink.ts', "const part = await import('kafkajs')"],
    ['connectors/postgres/a.ts', "import { Client } from 'pg'"],
    ['connectors/postgres/a.ts', "import { x } from '../mysql/a.ts'"],
    ['connectors/postgres/a.ts', "import { x } from '../../core/sinks/kafka/sink.ts'"],
    ['connectors/postgres/a.ts', "import { x } from '../../schemas/avro.ts'"],
    ['connectors/mongodb/connection.ts', "import { x } from 'mysql2/promise'"],
    ['schemas/a.ts', "import { x } from '../core/pipeline.ts'"],
    ['schemas/a.ts', "import { x } from '../test/support/a.ts'"],
    ['bin/a.ts', "import { x } from '../test/services/index.ts'"],
  ] as const) {
    it(`refuses in ${path}: ${text}`, () => {
      assert.equal(importViolations(parseSources({ [path]: text })).length, 1)
    })
  }

  for (const [path, text] of [
    ['core/a.ts', "import { x } from './b.ts'; import { y } from 'node:fs'; import { z } from 'zod'"],
    [
      'core/sinks/kafka/client.ts',
      "import type { Producer } from 'kafkajs'; import { x } from '../../log.ts'",
    ],
    ['connectors/postgres/connection.ts', "import { Client } from 'pg'; import { x } from './a.ts'"],
    ['connectors/index.ts', "import { x } from './postgres/index.ts'"],
    ['schemas/a.ts', "import { x } from '../core/errors.ts'; import avro from 'avsc'"],
    ['bin/a.ts', "import { x } from '../schemas/avro.ts'; import { y } from '../core/sinks/stdout.ts'"],
    ['test/a.ts', "import { x } from '../bin/tributary.ts'; import { Client } from 'pg'"],
  ] as const) {
    it(`allows in ${path}: ${text}`, () => {
      assert.deepEqual(importViolations(parseSources({ [path]: text })), [])
    })
  }

  it('sees a circle of three files, and none where paths only meet', () => {
    const circle = {
      'core/a.ts': "import { b } from './b.ts'",
      'core/b.ts': "import type { C } from './c/c.ts'",
      'core/c/c.ts': "export { a } from '../a.ts'",
    }
    assert.deepEqual(importCycles(parseSources(circle)), [
      'core/a.ts -> core/b.ts -> core/c/c.ts -> core/a.ts',
    ])
    const diamond = {
      'core/a.ts': "import './b.ts'; import './c.ts'",
      'core/b.ts': "import './d.ts'",
      'core/c.ts': "import './d.ts'",
      'core/d.ts': '',
    }
    assert.deepEqual(importCycles(parseSources(diamond)), [])
  })
})
