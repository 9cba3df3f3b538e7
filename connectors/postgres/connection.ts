import type { Socket } from 'node:net'
import { Client, type ClientConfig, Connection } from 'pg'
import { LogicalReplicationService } from 'pg-logical-replication'
import { TributaryError } from '../../core/errors.ts'
import { type Address, type Line, linkExposure, openOver } from './dial.ts'
import { LINK_PARAMETERS } from './encryption.ts'
import { type FailurePlace, sourceFailure } from './failures.ts'
import type { Ask } from './history.ts'
import { addressIn, asLoginError, hasPasswordIn, type Login, loginAdvice, watchLogin } from './login.ts'
import { quoteName, quoteText } from './names.ts'
import { formatLsn } from './position.ts'
import { asTlsError } from './tls.ts'

// The only file that knows the driver.

/**
 * So that text has the form that datetime.ts and literals.ts read, whatever server, database or role are set to; that
 * waiting for a slot is not given up; and that the server's warning of changes it leaves out is sent.
 */
const SESSION = {
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  client_encoding: 'UTF8',
  statement_timeout: '0',
  lock_timeout: '0',
  client_min_messages: 'warning',
}

/**
 * From version 17 on, the server may end sessions whose transactions last long, and it counts the sending of a
 * transaction, our pauses included. Earlier ones would refuse a session that names the setting.
 */
export const NO_TRANSACTION_TIMEOUT = `
  SELECT set_config('transaction_timeout', '0', false) WHERE current_setting('transaction_timeout', true) IS NOT NULL`

const CONNECT_TIMEOUT_MS = 10_000
/** Of the iterations that a server may ask for in SCRAM: the driver's own would refuse what `scram_iterations` allows. */
const NO_LIMIT = 0
const QUERY_TIMEOUT_MS = 30_000
/** From the login until the server streams. */
const OPENING_TIMEOUT_MS = 60_000
/** How long an orderly end may take before the socket is dropped. */
const CLOSE_TIMEOUT_MS = 2_000

/**
 * The driver gets a connection that is made already, and encrypted where it shall be: it means other things by
 * `sslmode` than libpq, and would wait for the end of an attempt to connect that is given up.
 */
function clientConfig(login: Login, { channelBinding }: Address['encryption'], line: Line): ClientConfig {
  const url = new URL(login.url)
  if (login.password !== undefined) {
    url.password = encodeURIComponent(login.password)
    url.searchParams.delete('password')
  }
  for (const name of LINK_PARAMETERS) url.searchParams.delete(name)
  const ours = Object.entries(SESSION).map(([name, value]) => `-c ${name}=${value}`)
  // The driver prefers what stands in the URL: options in it are kept, but ours come later and win.
  const options = [url.searchParams.get('options') ?? '', ...ours].join(' ').trim()
  url.searchParams.set('options', options)
  if (!url.searchParams.has('application_name')) url.searchParams.set('application_name', 'tributary')
  const connection = new Connection({ stream: () => handedOver(line.socket) })
  const hasPassword = hasPasswordIn(login)
  watchLogin(connection, { hasPassword, channelBinding, isEncrypted: line.isEncrypted, where: login.where })
  return {
    connectionString: url.href,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    // What the environment says of TLS is not for a connection that is made already.
    ssl: false,
    sslnegotiation: 'postgres',
    enableChannelBinding: line.isEncrypted && channelBinding !== 'disable',
    ...{ connection, scramMaxIterations: NO_LIMIT },
  }
}

/** The driver calls `connect` and waits for the event. */
function handedOver(socket: Socket): Socket {
  socket.connect = () => {
    process.nextTick(() => {
      socket.emit('connect')
      socket.resume()
    })
    return socket
  }
  return socket
}

/**
 * An ordinary session for the catalog: opened when it is first needed, and again after it was lost.
 * Queries that are asked at once run one after the other.
 */
export class Queries {
  readonly #login: Login
  readonly #where: string
  readonly #closing = new AbortController()
  #client: Client | null = null
  #last: Promise<unknown> = Promise.resolve()
  #exposure: string | null = null

  constructor(login: Login) {
    this.#login = login
    this.#where = login.where
  }

  /** What others could see of what went over the link that was opened last; null: nothing. */
  get exposure(): string | null {
    return this.#exposure
  }

  /**
   * For statements that only read. The session may have died unnoticed since the last one, so a lost one is tried
   * once more.
   * @throws TributaryError SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED and others
   */
  async query<Result extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Result[]> {
    const wasOpen = this.#client !== null
    try {
      return await this.#run<Result>(sql, parameters, QUERY_TIMEOUT_MS)
    } catch (error) {
      if (!wasOpen || this.#closing.signal.aborted || (error as TributaryError).code !== 'SOURCE_UNREACHABLE')
        throw error
      return await this.#run<Result>(sql, parameters, QUERY_TIMEOUT_MS)
    }
  }

  /** For statements that change something: never repeated, and waited for however long they take. */
  async execute<Result extends object>(sql: string, parameters: readonly unknown[] = []): Promise<Result[]> {
    return await this.#run<Result>(sql, parameters, 0)
  }

  /** Ends what is under way, too. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#drop()
  }

  /** In turn: of two sessions that are opened at once, one would be left behind. */
  #run<Result extends object>(
    sql: string,
    parameters: readonly unknown[],
    timeoutMs: number,
  ): Promise<Result[]> {
    const turn = this.#last.then(() => this.#ask<Result>(sql, parameters, timeoutMs))
    this.#last = turn.catch(() => undefined)
    return turn
  }

  async #ask<Result extends object>(
    sql: string,
    parameters: readonly unknown[],
    timeoutMs: number,
  ): Promise<Result[]> {
    try {
      this.#client ??= await this.#open()
      const query = { text: sql, values: [...parameters], query_timeout: timeoutMs }
      return (await this.#client.query<Result>(query)).rows
    } catch (error) {
      const failure = sourceFailure(error, { phase: 'asking', where: this.#where })
      if (failure.code === 'SOURCE_UNREACHABLE') await this.#drop()
      throw failure
    }
  }

  async #open(): Promise<Client> {
    const address = addressIn(this.#login)
    const { signal } = this.#closing
    const client = await openOver(address, signal, line => this.#logIn(address, line))
    if (!signal.aborted) return client
    await endWithin(CLOSE_TIMEOUT_MS, client.end(), connectionOf(client).stream)
    throw new TributaryError('SOURCE_UNREACHABLE', `${this.#where}: closed while connecting.`)
  }

  async #logIn(address: Address, line: Line): Promise<Client> {
    const { signal } = this.#closing
    const client = new Client(clientConfig(this.#login, address.encryption, line))
    // A session that ends between two queries; the next one opens another.
    client.on('error', () => {
      if (this.#client === client) this.#client = null
    })
    const giveUp = () => line.socket.destroy()
    signal.addEventListener('abort', giveUp)
    try {
      await client.connect()
    } catch (error) {
      throw loginFailure(error, { phase: 'connecting', where: this.#where }, address)
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
    const hasPassword = hasPasswordIn(this.#login)
    this.#exposure = linkExposure(address, { isEncrypted: line.isEncrypted, hasPassword })
    return client
  }

  async #drop(): Promise<void> {
    const client = this.#client
    this.#client = null
    if (client) await endWithin(CLOSE_TIMEOUT_MS, client.end(), connectionOf(client).stream)
  }
}

export interface ReplicationStart extends Login {
  readonly slot: string
  readonly publication: string
  /** Which messages of applications are wanted; none: the server does not send them. */
  readonly messages: readonly string[]
  /**
   * Called once, when the session is open and before it streams; resolves to where the stream begins: transactions
   * that were committed before are not sent. What it rejects with, `openReplication` does.
   */
  readonly begin: (ask: Ask) => Promise<bigint>
  /** Gives up while the session is being opened. */
  readonly signal: AbortSignal
  readonly openingTimeoutMs?: number
}

export interface ReplicationEvents {
  /**
   * A message with its envelope (`w` or `k`). A view of memory that is used again: copy it. Must not throw.
   */
  message(message: Uint8Array): void
  /** The server warns of something that passes. */
  warned(message: string): void
  /** The link has ended, and not by `close`. Called once. */
  ended(reason: TributaryError): void
}

/** A replication session that streams. */
export interface ReplicationLink {
  /** Stops reading the socket: the server waits, messages under way may still come. */
  pause(): void
  resume(): void
  /** Grows with whatever the server sends. */
  bytesRead(): number
  /** Tells the server that everything before `lsn` is durable here, and that we are alive. */
  report(lsn: bigint, options: { asksForReply: boolean }): void
  /** Gives back the session, within seconds even if the server does not answer. */
  close(): Promise<void>
}

/** A warning of the server. */
interface Notice {
  readonly code?: string
  readonly message?: string
  /** The server's function that gave it; unlike the message it is not translated. */
  readonly routine?: string
}

/** What the driver has beside its declared types. */
interface DriverConnection {
  readonly stream: { pause(): void; resume(): void; destroy(): void; readonly bytesRead: number }
  removeAllListeners(event: 'copyData'): void
  on(event: 'copyData', listener: (message: { chunk: Buffer }) => void): void
  on(event: 'notice', listener: (notice: Notice) => void): void
}

const connectionOf = (client: Client): DriverConnection =>
  (client as unknown as { connection: DriverConnection }).connection

/**
 * Opens a replication session and starts streaming.
 *
 * The library is held to what it does well. Its acknowledgements are off: they confirm what was received and not
 * what is durable. Its parser is replaced by nothing: an exception in one would end the process, so messages are
 * taken raw, envelope and all, from the connection.
 *
 * @throws TributaryError SOURCE_UNREACHABLE, SOURCE_ACCESS_DENIED, SLOT_IN_USE, SLOT_MISSING, SLOT_LOST
 */
export async function openReplication(
  start: ReplicationStart,
  events: ReplicationEvents,
): Promise<ReplicationLink> {
  const address = addressIn(start)
  return await openOver(address, start.signal, line => startStream(start, events, { address, line }))
}

async function startStream(
  start: ReplicationStart,
  events: ReplicationEvents,
  { address, line }: { address: Address; line: Line },
): Promise<ReplicationLink> {
  const service = new LogicalReplicationService(clientConfig(start, address.encryption, line), {
    acknowledge: { auto: false, timeoutSeconds: 0 },
  })
  const driver = Promise.withResolvers<DriverConnection>()
  const started = new Promise<void>(resolve => service.once('start', resolve))
  const plugin = rawPlugin(start, events, driver.resolve)
  let phase: FailurePlace['phase'] = 'starting'
  let isClosing = false
  // Failures arrive by the rejected promise as well; without a listener the library would throw them.
  service.on('error', () => undefined)
  const ended = service.subscribe(plugin, start.slot).then(
    () => new TributaryError('SOURCE_CONNECTION_LOST', `${start.where}: the server has ended the stream.`),
    (error: unknown) => loginFailure(error, { phase, where: start.where }, address),
  )
  const giveUp = () => line.socket.destroy()
  start.signal.addEventListener('abort', giveUp)
  // A server that stands still answers nothing, and the link stays open.
  const isLate = () => line.socket.destroy(new Error('the server was asked for the stream, and is silent.'))
  const timer = setTimeout(isLate, start.openingTimeoutMs ?? OPENING_TIMEOUT_MS)
  const failure = await Promise.race([started.then(() => null), ended])
  clearTimeout(timer)
  start.signal.removeEventListener('abort', giveUp)
  if (failure) {
    await endWithin(CLOSE_TIMEOUT_MS, service.stop(), line.socket)
    throw failure
  }
  phase = 'streaming'
  const connection = await driver.promise
  void ended.then(reason => isClosing || events.ended(reason))
  return {
    pause: () => connection.stream.pause(),
    resume: () => connection.stream.resume(),
    bytesRead: () => connection.stream.bytesRead,
    report: (lsn, { asksForReply }) => {
      // The library adds one to what it is given, and a commit record that begins just there would be skipped.
      if (lsn > 0n) void service.acknowledge(formatLsn(lsn - 1n), asksForReply)
    },
    close: async () => {
      isClosing = true
      connection.stream.resume()
      await endWithin(CLOSE_TIMEOUT_MS, service.stop(), connection.stream)
    },
  }
}

/** Tells the connection before anything comes over it. */
function rawPlugin(
  start: ReplicationStart,
  events: ReplicationEvents,
  onConnection: (connection: DriverConnection) => void,
): Parameters<LogicalReplicationService['subscribe']>[0] {
  return {
    name: 'pgoutput',
    options: null,
    parse: () => undefined,
    start: async client => {
      const connection = connectionOf(client)
      const lsn = await start.begin(async command => (await client.query(command)).rows)
      // The library's own listener makes a text, a view and a promise of each message, for nobody.
      connection.removeAllListeners('copyData')
      connection.on('copyData', ({ chunk }) => events.message(chunk))
      connection.on('notice', notice => heed(notice, start, events))
      onConnection(connection)
      // Names of tables, functions and types among the values (regclass and its like) then come with their schemas.
      await client.query('SET search_path = pg_catalog')
      await client.query(NO_TRANSACTION_TIMEOUT)
      await client.query(startReplication(start, formatLsn(lsn)))
    },
  }
}

/** A login can fail on the server, in the driver, or in TLS: since 1.3, servers judge certificates after the handshake. */
function loginFailure(thrown: unknown, place: FailurePlace, address: Address): TributaryError {
  // Once it streams, both ends have agreed: what fails then is the link.
  const error = place.phase === 'streaming' ? thrown : asTlsError(asLoginError(thrown, place.where), address)
  const failure = sourceFailure(error, place)
  if (failure.code !== 'SOURCE_ACCESS_DENIED' || failure.cause !== thrown) return failure
  const message = `${failure.message}.${loginAdvice(failure.message, address.encryption)}`
  return new TributaryError(failure.code, message, { cause: thrown })
}

/** "Streaming Replication Protocol" (protocol-replication), START_REPLICATION; options of pgoutput there too. */
function startReplication({ slot, publication, messages }: ReplicationStart, lsn: string): string {
  const names = `publication_names ${quoteText(quoteName(publication))}`
  const options = `proto_version '1', ${names}${messages.length > 0 ? `, messages 'true'` : ''}`
  return `START_REPLICATION SLOT ${quoteName(slot)} LOGICAL ${lsn} (${options})`
}

/** The server's function that warns when synchronized_standby_slots have not got what is to be sent. */
const HELD_BACK = 'StandbySlotsHaveCaughtup'

/**
 * From Postgres 18 on, a publication that did not exist when a change was written is only warned about, and the
 * change left out. Earlier servers end the stream with an error, which is what we want. Waiting for standbys has the same code.
 */
function heed(notice: Notice, { where, publication }: ReplicationStart, events: ReplicationEvents): void {
  if (notice.code !== '55000') return
  if (notice.routine === HELD_BACK) {
    events.warned(notice.message ?? HELD_BACK)
    return
  }
  const message = `${where}: publication ${publication} did not exist when changes were written that the slot holds (${notice.message}).`
  events.ended(new TributaryError('CHECK_FAILED', message))
}

/** Waits for an orderly end, and drops the socket of one that does not come. */
async function endWithin(ms: number, ending: Promise<unknown>, socket: { destroy(): void }): Promise<void> {
  const timer = setTimeout(() => socket.destroy(), ms)
  try {
    await ending
  } finally {
    clearTimeout(timer)
  }
}
