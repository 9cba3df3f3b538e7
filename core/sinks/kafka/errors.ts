import { type ErrorCode, TributaryError } from '../../errors.ts'
import { type TlsFailure, tlsFailure } from '../../net/tls.ts'
import { TLS_EXPECTED } from './security.ts'

/** What can be learnt from the errors of the client, which wrap each other in `cause` and `errors`. */
interface Cause {
  readonly name: string
  /** Kafka's name of the error, when a broker said it. */
  readonly type: string
  /** The system's name of the error (`ECONNREFUSED`), when the connection failed. */
  readonly code: string
  readonly message: string
}

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED'])
const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])
const UNREACHABLE = new Set([
  // A login where none is taken: that is for `check` to say; or one that met another on its connection.
  'ILLEGAL_SASL_STATE',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'BROKER_NOT_AVAILABLE',
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'REPLICA_NOT_AVAILABLE',
  'NOT_CONTROLLER',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_LOAD_IN_PROGRESS',
  'CONCURRENT_TRANSACTIONS',
])
const UNREACHABLE_NAMES = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSTimeout',
  'KafkaJSLockTimeout',
])
const UNSUITABLE = new Set([
  'INVALID_TOPIC_EXCEPTION',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_PARTITIONS',
  'INVALID_REPLICATION_FACTOR',
  'INVALID_REPLICA_ASSIGNMENT',
  'INVALID_CONFIG',
  'POLICY_VIOLATION',
  // A record without a key, sent to a compacted topic.
  'INVALID_RECORD',
  // A record from further ahead or back than message.timestamp.after.max.ms or before.max.ms allow.
  'INVALID_TIMESTAMP',
])

/**
 * Whatever the client threw as an error of ours. `doing` says what failed and where, as in `writing to orders`;
 * `fallback` is the code when none of the known causes is found.
 */
export function toKafkaError(
  thrown: unknown,
  doing: string,
  fallback: ErrorCode = 'KAFKA_WRITE_FAILED',
): TributaryError {
  if (thrown instanceof TributaryError) return thrown
  const errors = errorsIn(thrown)
  const ours = errors.find(error => error instanceof TributaryError)
  if (ours) return new TributaryError(ours.code, `${doing}: ${ours.message}`, { cause: thrown })
  const causes = errors.map(causeOf)
  const tls = errors.map(tlsFailure).find(failure => failure !== null)
  const code = codeOf(causes, tls) ?? fallback
  return new TributaryError(code, `${doing}: ${describe(causes, tls)}`, { cause: thrown })
}

/** Whether any of the causes is the error that Kafka calls by this name. */
export function isKafkaError(thrown: unknown, type: string): boolean {
  return errorsIn(thrown).some(error => causeOf(error).type === type)
}

/** Whether a broker ended the connection and said nothing: it goes down, or wants TLS or a login. */
export function isClosedWithoutWord(thrown: unknown): boolean {
  return errorsIn(thrown).some(({ name }) => name === 'KafkaJSConnectionClosedError')
}

/** What a broker said goes before what happened to a connection: a refused login also ends the connection. */
function codeOf(causes: readonly Cause[], tls: TlsFailure | undefined): ErrorCode | undefined {
  const types = causes.map(cause => cause.type)
  if (types.some(type => FENCED.has(type))) return 'FENCED'
  if (types.some(type => TOO_LARGE.has(type))) return 'RECORD_TOO_LARGE'
  if (causes.some(isRefusal)) return 'KAFKA_REFUSED'
  if (tls) return tls.isPassing ? 'KAFKA_UNREACHABLE' : 'KAFKA_REFUSED'
  if (types.some(type => UNSUITABLE.has(type))) return 'KAFKA_TOPIC_UNSUITABLE'
  if (types.some(type => UNREACHABLE.has(type))) return 'KAFKA_UNREACHABLE'
  if (causes.some(cause => UNREACHABLE_NAMES.has(cause.name))) return 'KAFKA_UNREACHABLE'
  return undefined
}

function isRefusal({ name, type, code }: Cause): boolean {
  return (
    type.endsWith('_AUTHORIZATION_FAILED') ||
    type === 'SASL_AUTHENTICATION_FAILED' ||
    type === 'UNSUPPORTED_SASL_MECHANISM' ||
    name === 'KafkaJSSASLAuthenticationError' ||
    code === TLS_EXPECTED
  )
}

function describe(causes: readonly Cause[], tls: TlsFailure | undefined): string {
  if (tls) return `the broker ${tls.words}. ${TLS_ADVICE[tls.about]}`
  const told = causes.find(cause => cause.type !== '') ?? causes[0]
  if (told === undefined) return 'no reason given'
  const said = told.type === '' ? told.message : `${told.type} (${told.message})`
  return `${said}${adviceFor(causes)}`
}

const TLS_ADVICE: Readonly<Record<TlsFailure['about'], string>> = {
  authority: 'Name the certificate of its authority by kafka.tls.ca.',
  name: 'Name the broker as the certificate does, or set kafka.tls.servername.',
  validity: 'It has to be mended on the broker.',
  client: 'See kafka.tls.cert and kafka.tls.key.',
  protocol: 'See the ports in kafka.brokers, and kafka.tls.',
}

/** Where the client's and the broker's words do not name a setting of ours. */
function adviceFor(causes: readonly Cause[]): string {
  const has = (test: (cause: Cause) => boolean) => causes.some(test)
  if (has(({ type }) => type === 'ILLEGAL_SASL_STATE')) return '. This port takes no login: see kafka.sasl.'
  if (has(({ type }) => type === 'SASL_AUTHENTICATION_FAILED')) return '. See kafka.sasl.'
  if (has(({ name }) => name === 'KafkaJSSASLAuthenticationError')) return '. See kafka.sasl.'
  return ''
}

/** The error and all that it wraps, itself first. */
function errorsIn(thrown: unknown, depth = 0): Error[] {
  if (!(thrown instanceof Error)) return thrown === undefined ? [] : [new Error(String(thrown))]
  const inner: unknown[] = [thrown.cause]
  if ('errors' in thrown && Array.isArray(thrown.errors)) inner.push(...thrown.errors)
  return [thrown, ...(depth < 8 ? inner.flatMap(each => errorsIn(each, depth + 1)) : [])]
}

function causeOf(error: Error & { type?: unknown; code?: unknown }): Cause {
  return {
    name: error.name,
    type: typeof error.type === 'string' ? error.type : '',
    code: typeof error.code === 'string' ? error.code : '',
    message: error.message,
  }
}
