import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { silentLogger } from '../../core/log.ts'
// Not the client library itself: it must not be loaded before the parts that this file replaces in it.
import { KafkaClient } from '../../core/sinks/kafka/client.ts'
import { cached } from './cache.ts'
import { copyJars, findJava } from './java.ts'
import { run } from './process.ts'
import type { Place, Recipe } from './recipe.ts'

const VERSION = '4.3.0'
const JARS = [
  `org.apache.kafka:kafka_2.13:${VERSION}`,
  `org.apache.kafka:kafka-tools:${VERSION}`,
  'org.apache.logging.log4j:log4j-slf4j-impl:2.25.1',
]
const JAVA = 17
const NEEDS = { name: 'kafka', variable: 'TEST_KAFKA_BROKERS' }

/** What one node that is a whole cluster needs, and no topics by accident. */
export const SINGLE_NODE = {
  'auto.create.topics.enable': 'false',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'group.initial.rebalance.delay.ms': '0',
} as const

/**
 * Users that log in by SCRAM, a line for each: `SCRAM-SHA-256=[name=N,password=P]`. No setting of the broker: it keeps
 * them in its log, which is formatted with them.
 */
export const SCRAM_USERS = 'scram.users'

/** One node that is broker and controller (KRaft). */
export const kafka: Recipe = {
  ...NEEDS,
  ports: 2,
  stopSignal: 'SIGKILL',
  unprivileged: false,

  async install() {
    await findJava(NEEDS, JAVA)
    return cached({
      key: `kafka-${VERSION}`,
      notice: `kafka: downloading ${VERSION}, 54 MB, once`,
      fill: folder => copyJars(NEEDS, JARS, folder),
    })
  },

  async prepare(place) {
    await writeFile(join(place.folder, 'server.properties'), properties(place))
    await writeFile(join(place.folder, 'log4j2.properties'), LOGGING)
    const format = [
      'kafka.tools.StorageTool',
      'format',
      '-t',
      'dHJpYnV0YXJ5LXRlc3RzLQ',
      '-c',
      'server.properties',
      ...(place.settings[SCRAM_USERS] ?? '')
        .split('\n')
        .filter(user => user !== '')
        .flatMap(user => ['--add-scram', user]),
    ]
    await run({ file: await findJava(NEEDS, JAVA), args: [...jvm(place), ...format], cwd: place.folder })
  },

  async command(place) {
    const args = ['-Xmx512m', '-Xms256m', ...jvm(place), 'kafka.Kafka', 'server.properties']
    return { file: await findJava(NEEDS, JAVA), args, cwd: place.folder }
  },

  url: place => `127.0.0.1:${place.ports[0]}`,

  async probe(url) {
    await connectTcp(url)
    const client = new KafkaClient({ brokers: [url] }, silentLogger)
    const admin = client.admin()
    try {
      await admin.connect()
      // Metadata alone is answered before the broker can lead a partition. A topic that is only tried, not made,
      // needs the controller to have it among its live brokers.
      await admin.createTopics({ topics: [{ topic: 'probe' }], validateOnly: true, waitForLeaders: false })
      await admin.disconnect()
    } finally {
      client.destroy()
    }
  },
}

/** Fails at once while nobody listens, where the client would go on trying by itself. */
function connectTcp(url: string): Promise<void> {
  const { hostname, port } = new URL(`tcp://${url}`)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => resolve())
    socket.on('error', reject)
    socket.on('connect', () => socket.destroy())
  })
}

function jvm(place: Place): string[] {
  return [
    // No file in the system's temporary folder that a killed JVM would leave there.
    '-XX:-UsePerfData',
    `-Djava.io.tmpdir=${place.folder}`,
    `-Dlog4j2.configurationFile=${join(place.folder, 'log4j2.properties')}`,
    '-cp',
    join(place.home, '*'),
  ]
}

function properties(place: Place): string {
  const [broker, controller] = place.ports
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.voters': `1@127.0.0.1:${controller}`,
    listeners: `PLAINTEXT://127.0.0.1:${broker},CONTROLLER://127.0.0.1:${controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${broker}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': place.dataDir,
    ...SINGLE_NODE,
    // After a crash the controller refuses the same broker until its old session has ended: 9 s by default.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
  }
  return Object.entries({ ...settings, ...withOurs(place.settings, settings) })
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** Listeners that a test adds stand beside ours, through which the harness itself asks. */
const LISTS = ['listeners', 'advertised.listeners', 'listener.security.protocol.map']

function withOurs(added: Place['settings'], ours: Place['settings']): Place['settings'] {
  return Object.fromEntries(
    Object.entries(added).map(([name, value]) => [
      name,
      LISTS.includes(name) ? `${ours[name]},${value}` : value,
    ]),
  )
}

const LOGGING = `appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
`
