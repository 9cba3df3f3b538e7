import { type ErrorCode, TributaryError } from '../../core/errors.ts'

/** When a failure happened; the same SQLSTATE means different things. */
export type Phase = 'connecting' | 'asking' | 'starting' | 'streaming'

export interface FailurePlace {
  readonly phase: Phase
  /** For the message: connector, slot, position. Begins a sentence. */
  readonly where: string
}

/** "PostgreSQL Error Codes" (errcodes-appendix): those that mean the same whenever they come. */
const BY_STATE: Readonly<Record<string, ErrorCode>> = {
  '28000': 'SOURCE_ACCESS_DENIED', // invalid_authorization_specification
  '28P01': 'SOURCE_ACCESS_DENIED', // invalid_password
  '42501': 'SOURCE_ACCESS_DENIED', // insufficient_privilege
  '3D000': 'CONFIG_INVALID', // invalid_catalog_name: no such database
  '55006': 'SLOT_IN_USE', // object_in_use
  '58P01': 'SLOT_LOST', // undefined_file: a segment of the log has been removed
  '53400': 'CHECK_FAILED', // configuration_limit_exceeded: no slot is free
  '54000': 'ROW_TOO_LARGE', // program_limit_exceeded: a message of more than 1 GB
  '22021': 'VALUE_INVALID', // character_not_in_repertoire: text of a SQL_ASCII database that is not UTF-8
  '22P05': 'VALUE_INVALID', // untranslatable_character
}

/** undefined_object is the slot before the stream runs, and the publication afterwards. */
const UNDEFINED_OBJECT = '42704'
/** object_not_in_prerequisite_state, for instance wal_level; of a slot that is lost we are told by its state. */
const NOT_IN_STATE = '55000'
/** Messages of class 22, data exception, may quote data. */
const QUOTES_DATA = /^22/

/** What a driver, a socket or the server has thrown, as an error with a code. */
export function sourceFailure(thrown: unknown, place: FailurePlace): TributaryError {
  if (thrown instanceof TributaryError) return thrown
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const state = sqlState(error)
  const said = state && QUOTES_DATA.test(state) ? withoutData(state) : wordsOf(error)
  const code = isPooler(state, error) ? 'SOURCE_POOLED' : failureCode(state, place.phase)
  return new TributaryError(code, `${place.where}: ${said}`, { cause: error })
}

/** Of a host with several addresses each has its own error, and the one that holds them says nothing. */
const wordsOf = (error: Error): string =>
  error instanceof AggregateError
    ? error.errors.map(each => (each as Error).message).join(', ')
    : error.message

/** PgBouncer passes no `options` on to the server, and refuses sessions that have any. */
const isPooler = (state: string | null, { message }: Error): boolean =>
  state === '08P01' && message.startsWith('unsupported startup parameter')

const withoutData = (state: string): string =>
  BY_STATE[state] === 'VALUE_INVALID'
    ? `a text has no form in UTF-8 (SQLSTATE ${state})`
    : `SQLSTATE ${state}`

function failureCode(state: string | null, phase: Phase): ErrorCode {
  if (state === null || isPassing(state)) {
    return phase === 'streaming' ? 'SOURCE_CONNECTION_LOST' : 'SOURCE_UNREACHABLE'
  }
  if (state === UNDEFINED_OBJECT && phase === 'starting') return 'SLOT_MISSING'
  if (state === UNDEFINED_OBJECT || state === NOT_IN_STATE) return 'CHECK_FAILED'
  return BY_STATE[state] ?? 'INTERNAL'
}

/**
 * Connection exceptions, rollbacks (a standby's conflict with what it replays), too many connections, out of memory or disk,
 * a lock that is taken, a session that was too slow for the server's settings, and what operators do: cancelling, the server's going down or coming up.
 */
const isPassing = (state: string): boolean => /^(08|25P0[34]|40|53[0-3]|55P03|57)/.test(state)

/** The server's five characters; null for what did not come from it, such as ECONNREFUSED. */
function sqlState(error: Error): string | null {
  const code = (error as { code?: unknown }).code
  const severity = (error as { severity?: unknown }).severity
  return typeof code === 'string' && typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : null
}
