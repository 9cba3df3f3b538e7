import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { parseInvocation } from '../../bin/usage.ts'
import { sourceSchemas } from '../../connectors/index.ts'
import { loadConfig } from '../../core/config/load.ts'
import { SINGLE_NODE } from '../services/kafka.ts'
import { MARIADB_LOG } from '../services/mariadb.ts'
import { MYSQL_LOG, optionFlags } from '../services/mysql.ts'
import { LOGICAL } from '../services/postgres.ts'
import { type Instruction, readDockerfile, readWords } from './dockerfile.ts'

// No container engine is needed here: whatever the two files name must exist, and fit what we run elsewhere.

interface ComposeService {
  readonly image?: string
  readonly build?: string
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string | number>>
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test: readonly string[] }
  readonly read_only?: boolean
}

const ROOT = join(import.meta.dirname, '..', '..')
const CONFIG_TARGET = '/etc/tributary'

const manifest = JSON.parse(read('package.json'))
const compose = parse(read('docker-compose.yml'))
const services: Readonly<Record<string, ComposeService>> = compose.services
const stages = readDockerfile(read('Dockerfile'))
const final = stages.at(-1)
const config = loadConfig<{ type: string; url: string }>(join(ROOT, 'examples/docker'), {
  sources: sourceSchemas,
  environment: textValues(service('worker').environment),
  needsKafka: true,
})

describe('Dockerfile', () => {
  it('copies what exists, is not ignored, and is built before', () => {
    const earlier = new Set<string | undefined>()
    for (const { name, instructions } of stages) {
      for (const copy of instructions.filter(one => one.name === 'COPY')) {
        const from = copy.words.find(word => word.startsWith('--from='))
        if (from) assert.ok(earlier.has(from.slice('--from='.length)), copy.text)
        else for (const source of copy.words.slice(0, -1)) assert.ok(isInContext(source), copy.text)
      }
      earlier.add(name)
    }
  })

  it('builds every folder that the package ships', () => {
    const { include } = JSON.parse(read('tsconfig.build.json'))
    const copied = stages[0]?.instructions.filter(({ name }) => name === 'COPY').flatMap(({ words }) => words)
    for (const folder of include) assert.ok(copied?.includes(folder), folder)
  })

  it('runs scripts that exist, and installs by the lock file', () => {
    const runs = stages.flatMap(({ instructions }) => instructions.filter(({ name }) => name === 'RUN'))
    assert.ok(runs.length > 0)
    for (const { words } of runs) {
      const [npm, verb = '', script = ''] = words
      assert.equal(npm, 'npm')
      if (verb === 'run') assert.ok(script in manifest.scripts, script)
      else assert.equal(verb, 'ci')
    }
  })

  it('is of the Node that the package asks for, in every stage', () => {
    assert.equal(manifest.engines.node, '>=24')
    assert.deepEqual(new Set(stages.map(({ image }) => image)), new Set(['node:24-slim']))
  })

  it('starts the program that the package names, with a command that exists, as nobody special', () => {
    const [node, program = ''] = only('ENTRYPOINT').words
    assert.equal(node, 'node')
    assert.equal(program, manifest.bin.tributary)
    assert.ok(existsSync(join(ROOT, program.replace(/^dist\/(.*)\.js$/, '$1.ts'))))
    assert.equal(only('USER').text, 'node')
    const { command, operands } = parseInvocation(only('CMD').words)
    assert.deepEqual({ command, operands }, { command: 'run', operands: [CONFIG_TARGET] })
  })

  it('looks at its health by the worker’s own port and page, with nothing but Node', () => {
    const [, test = ''] = / CMD (\[.*)$/.exec(only('HEALTHCHECK').text) ?? []
    const [node, flag, script = ''] = readWords(test)
    assert.deepEqual([node, flag], ['node', '-e'])
    const url = new URL(/fetch\('([^']+)'\)/.exec(script)?.[1] ?? '')
    assert.equal(Number(url.port), config.worker.http.port)
    assert.equal(Number(only('EXPOSE').text), config.worker.http.port)
    assert.ok(read('core/http/server.ts').includes(`'${url.pathname}'`))
  })
})

describe('docker-compose.yml', () => {
  it('has every server and the worker, each with a health check', () => {
    const expected = ['kafka', 'registry', 'postgres', 'mysql', 'mariadb', 'mongodb', 'worker']
    assert.deepEqual(Object.keys(services), expected)
    for (const [name, { healthcheck }] of Object.entries(services)) {
      assert.ok(name === 'worker' ? only('HEALTHCHECK') : healthcheck?.test, name)
    }
  })

  it('waits for servers that are there to be healthy', () => {
    for (const { depends_on = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        assert.ok(name in services, name)
        assert.equal(condition, 'service_healthy')
      }
    }
    assert.deepEqual(Object.keys(service('worker').depends_on ?? {}), ['kafka', 'registry', 'postgres'])
  })

  it('mounts files that exist and volumes that are declared', () => {
    const sources = Object.values(services).flatMap(({ volumes = [] }) =>
      volumes.map(one => one.split(':')[0] ?? ''),
    )
    const [files, volumes] = [sources.filter(isPath), sources.filter(source => !isPath(source))]
    for (const file of files) assert.ok(existsSync(join(ROOT, file)), file)
    assert.deepEqual(new Set(volumes), new Set(Object.keys(compose.volumes)))
  })

  it('publishes ports on this machine only, each once', () => {
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports)
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:\d+:\d+$/)
    const published = ports.map(port => port.split(':')[1])
    assert.equal(new Set(published).size, published.length)
  })

  it('gives the servers the settings with which the tests run them', () => {
    const postgres = Object.entries(LOGICAL).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    assert.deepEqual(service('postgres').command, ['postgres', ...postgres])
    assert.deepEqual(service('mysql').command, optionFlags(MYSQL_LOG))
    assert.deepEqual(service('mariadb').command, optionFlags(MARIADB_LOG))
    const kafka = textValues(service('kafka').environment)
    for (const [name, value] of Object.entries(SINGLE_NODE)) {
      assert.equal(kafka[`KAFKA_${name.toUpperCase().replaceAll('.', '_')}`], value, name)
    }
  })
})

describe('the worker of docker-compose.yml', () => {
  const [shop] = config.connectors
  const environment = textValues(service('worker').environment)

  it('is built from the Dockerfile and reads its files from where that says', () => {
    const { build, volumes, read_only } = service('worker')
    assert.equal(build, '.')
    assert.deepEqual(volumes, [`./examples/docker:${CONFIG_TARGET}:ro`])
    assert.equal(read_only, true)
  })

  it('is given the variables that its files use, and no others', () => {
    const texts = globSync('examples/docker/*.yaml', { cwd: ROOT }).map(read)
    const used = texts.flatMap(text => Array.from(text.matchAll(/\$\{(\w+)\}/g), ([, name]) => name))
    assert.deepEqual(new Set(used), new Set(Object.keys(environment)))
  })

  it('finds Kafka at a listener that the broker advertises', () => {
    const advertised = String(service('kafka').environment?.KAFKA_ADVERTISED_LISTENERS).split(',')
    for (const broker of shop?.kafka?.brokers ?? [])
      assert.ok(advertised.includes(`INTERNAL://${broker}`), broker)
  })

  it('finds the registry and Postgres by their names, ports and passwords', () => {
    const registry = new URL(shop?.registry?.url ?? '')
    assert.ok(registry.hostname in services)
    const published = service(registry.hostname).ports?.[0]?.split(':')[2]
    assert.equal(registry.port, published)
    assert.ok(service('registry').healthcheck?.test.some(word => word.includes(registry.pathname)))
    const database = new URL(shop?.source.url ?? '')
    const { POSTGRES_DB, POSTGRES_PASSWORD } = service(database.hostname).environment ?? {}
    assert.deepEqual([database.pathname.slice(1), database.password], [POSTGRES_DB, POSTGRES_PASSWORD])
    assert.equal(database.port, service('postgres').ports?.[0]?.split(':')[2])
  })

  it('answers operators on the port that is published', () => {
    assert.deepEqual(service('worker').ports, [`127.0.0.1:8080:${config.worker.http.port}`])
    assert.equal(config.worker.http.host, '0.0.0.0')
  })
})

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

function service(name: string): ComposeService {
  const found = services[name]
  assert.ok(found, `docker-compose.yml has no service ${name}`)
  return found
}

/** The only instruction of this name in the final stage. */
function only(name: string): Instruction {
  const [found, ...more] = final?.instructions.filter(instruction => instruction.name === name) ?? []
  assert.ok(found && more.length === 0, `one ${name}`)
  return found
}

/** Our .dockerignore leaves out everything but what it lists. */
function isInContext(path: string): boolean {
  return existsSync(join(ROOT, path)) && read('.dockerignore').split('\n').includes(`!${path}`)
}

function isPath(source: string): boolean {
  return source.startsWith('.') || source.startsWith('/')
}

function textValues(values: ComposeService['environment'] = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))
}
