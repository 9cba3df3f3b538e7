import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, it } from 'node:test'
import { z } from 'zod'
import { loadConfig } from '../../../../core/config/load.ts'
import type { TributaryError } from '../../../../core/errors.ts'

const sources = {
  postgres: z.strictObject({ type: z.literal('postgres'), url: z.string().min(1) }),
  mysql: z.strictObject({ type: z.literal('mysql'), url: z.string().min(1) }),
}

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function folderWith(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'tributary-config-'))
  folders.push(folder)
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

const load = (files: Record<string, string>, environment: Record<string, string> = {}, needsKafka = true) => {
  const folder = folderWith(files)
  try {
    return loadConfig<{ type: string; url: string }>(folder, { sources, environment, needsKafka })
  } catch (error) {
    throw new Error((error as Error).message.replaceAll(`${folder}/`, ''), { cause: error })
  }
}

const worker = 'kafka: { brokers: ["k:9092"] }\nregistry: { url: "http://r:8081" }\n'
const shop = 'name: shop\nsource:\n  type: postgres\n  url: postgres://db/shop\n'

describe('configuration', () => {
  it('takes from worker.yaml what a connector does not say itself', () => {
    const own = `${shop}kafka: { brokers: ["own:9092"] }\n`
    const config = load({ 'worker.yaml': worker, 'a.yaml': shop, 'b.yml': own.replace('shop', 'other') })
    assert.deepEqual(
      config.connectors.map(({ name, kafka, registry }) => [name, kafka?.brokers, registry?.url]),
      [
        ['shop', ['k:9092'], 'http://r:8081'],
        ['other', ['own:9092'], 'http://r:8081'],
      ],
    )
  })

  it('finds connectors that would read the same slot of one server', () => {
    const source = (name: string, url: string) =>
      `name: ${name}\nsource:\n  type: postgres\n  url: "${url}"\n`
    const claims = ({ url }: { url: string }, name: string) => [
      `slot ${name.replace('-', '_')} of ${new URL(url).host}`,
    ]
    const files = {
      'worker.yaml': worker,
      'a.yaml': source('a-shop', 'postgres://db:5432/shop'),
      'b.yaml': source('a_shop', 'postgres://db:5432/other'),
      'c.yaml': source('shop', 'postgres://elsewhere:5432/shop'),
    }
    const folder = folderWith(files)
    const options = { sources, environment: {}, needsKafka: true, claims }
    assert.throws(
      () => loadConfig<{ type: string; url: string }>(folder, options),
      /1 mistake .*\n.*b\.yaml.*slot a_shop of db:5432 is already used by .*a\.yaml$/,
    )
  })

  it('fills in the defaults', () => {
    const [connector] = load({ 'worker.yaml': worker, 'a.yaml': shop }).connectors
    assert.deepEqual(
      [
        connector?.format,
        connector?.delivery,
        connector?.snapshot,
        connector?.tombstones,
        connector?.topics.partitions,
      ],
      ['avro', 'exactly-once', 'never', true, 8],
    )
  })

  it('is refused when aliases multiply or its blocks are too deep, and no warning quotes it', async () => {
    const many = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`)
    const texts = [`a0: &a0 [x]\n${many.join('\n')}`, '['.repeat(20_000), `? {a: ${'$'}{SECRET}}\n: b`]
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    for (const text of texts) {
      assert.throws(
        () => load({ 'worker.yaml': worker, 'a.yaml': `${shop}${text}` }, { SECRET: 'told' }),
        ({ message, cause }) => (cause as TributaryError).code === 'CONFIG_INVALID' && !/told/.test(message),
      )
    }
    // Warnings are told after the turn in which they arise.
    await new Promise(setImmediate)
    process.off('warning', note)
    assert.deepEqual(warnings, [])
  })

  it('puts in environment variables and files, also as numbers and flags', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-secret-'))
    folders.push(folder)
    writeFileSync(join(folder, 'password'), 's3cret\n')
    const url = `postgres://u:\${file:${folder}/password}@\${HOST}/shop$\${x}`
    const source = `name: shop\nsource: { type: postgres, url: "${url}" }\n`
    const text = `${source}topics: { partitions: "\${N}" }\ntombstones: \${T}\n`
    const [connector] = load(
      { 'worker.yaml': worker, 'a.yaml': text },
      { HOST: 'db', N: '3', T: 'false' },
    ).connectors
    assert.equal(connector?.source.url, 'postgres://u:s3cret@db/shop${x}')
    assert.equal(connector?.topics.partitions, 3)
    assert.equal(connector?.tombstones, false)
  })

  it('reports every mistake of every file at once, with its line and what is allowed', () => {
    const bad = [
      'name: Shop',
      'source:',
      '  type: postgres',
      '  urll: x',
      '  url: ${NOPE}',
      'formt: avro',
      'format: xml',
      'snapshot: initial',
      'onIncompatible: new-topic',
    ].join('\n')
    assert.throws(
      () =>
        load({
          'worker.yaml': 'http: { port: 99999 }',
          'bad.yaml': bad,
          'type.yaml': 'name: a\nsource: { type: db2 }',
        }),
      {
        message: [
          '11 mistakes in the configuration:',
          '  bad.yaml:1: kafka: is missing, here and in worker.yaml',
          '  bad.yaml:1: name: may hold lower-case letters, digits, _ and -, at most 50, and begins with a letter or digit',
          '  bad.yaml:4: source.urll: is not a setting that is known here',
          '  bad.yaml:5: environment variable NOPE is not set',
          '  bad.yaml:5: source.url: Too small: expected string to have >=1 characters',
          '  bad.yaml:6: formt: is not a setting that is known here',
          '  bad.yaml:7: format: Invalid option: expected one of "avro"|"json"',
          '  bad.yaml:8: snapshot: must be "never": this version does not read the rows that are there before it starts',
          '  bad.yaml:9: onIncompatible: must be "stop": "new-topic" begins with reading the table, which this version does not do',
          '  type.yaml:1: kafka: is missing, here and in worker.yaml',
          '  type.yaml:1: registry: is missing, here and in worker.yaml; `format: avro` needs it',
          '  type.yaml:2: source.type: must be one of: postgres, mysql',
          '  worker.yaml:1: http.port: Too big: expected number to be <=65535',
        ]
          .join('\n')
          .replace('11 mistakes', '13 mistakes'),
      },
    )
  })

  it('says of what is not there that it is missing', () => {
    assert.throws(() => load({ 'worker.yaml': worker, 'a.yaml': 'source: { type: mysql }' }), {
      message:
        '2 mistakes in the configuration:\n  a.yaml:1: name: is missing\n  a.yaml:1: source.url: is missing',
    })
  })

  it('needs neither brokers nor a registry when events go to standard output', () => {
    assert.equal(load({ 'a.yaml': shop }, {}, false).connectors.length, 1)
  })

  it('refuses two connectors of one name or one topic prefix', () => {
    assert.throws(
      () => load({ 'worker.yaml': worker, 'a.yaml': shop, 'b.yaml': shop }),
      /b\.yaml:1: name: name shop is already used by a\.yaml/,
    )
    const same = `${shop.replace('shop', 'other')}topics: { prefix: shop }\n`
    assert.throws(
      () => load({ 'worker.yaml': worker, 'a.yaml': shop, 'b.yaml': same }),
      /topic prefix shop is already used by a\.yaml/,
    )
  })

  it('tells broken YAML, an empty folder and a folder that is not there', () => {
    assert.throws(() => load({ 'worker.yaml': worker, 'a.yaml': 'name: [shop\nsource: 1' }), /a\.yaml:\d/)
    assert.throws(() => load({ 'worker.yaml': worker }), /holds no connector file/)
    const options = { sources, environment: {}, needsKafka: true }
    assert.throws(() => loadConfig('/nowhere/at/all', options), /no such file or folder/)
  })

  it('never shows a secret in its messages', () => {
    const text = shop
      .replace('postgres://db/shop', '${PW}')
      .replace('type: postgres', 'type: postgres\n  password: ${PW}')
    assert.throws(
      () => load({ 'worker.yaml': worker, 'a.yaml': `${text}format: \${PW}\n` }, { PW: 'hunter2' }),
      error => !(error as Error).message.includes('hunter2'),
    )
  })

  it('reports texts that YAML takes for tags and aliases, without showing them', () => {
    const text = 'name: shop\nsource:\n  type: postgres\n  url: *hunter2\ntopics: !hunter2\n'
    assert.throws(
      () => load({ 'worker.yaml': worker, 'a.yaml': text }),
      (error: Error) =>
        /a.yaml:4: is no alias.*\n.*a.yaml:5: has a tag/.test(error.message) &&
        !/hunter2/.test(error.message),
    )
  })

  it('refuses a file that is not UTF-8 or cannot be read, instead of guessing', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tributary-config-'))
    folders.push(folder)
    const file = join(folder, 'shop.yaml')
    const loading = () => loadConfig(folder, { sources, environment: {}, needsKafka: false })
    writeFileSync(file, Buffer.from(`${shop}# caf\xe9\n`, 'latin1'))
    assert.throws(loading, /shop.yaml: is not UTF-8/)
    rmSync(file)
    mkdirSync(file)
    assert.throws(loading, /shop.yaml: cannot be read \(EISDIR\)/)
  })
})
