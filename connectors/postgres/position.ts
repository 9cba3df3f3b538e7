import { TributaryError } from '../../core/errors.ts'

/**
 * Where to resume.
 *
 * Only commits order a Postgres log: the rows of overlapping transactions lie between each other in it, but each
 * transaction is sent whole, when its commit is reached. So `lsn` is the end of a commit (or a place that the
 * server has passed without one), and a place inside a transaction is its commit with a count of events.
 */
export interface Position {
  /** Everything that was committed before this is durable. 64 bits. */
  readonly lsn: bigint
  /** Set when the next transaction after `lsn` is published in part. */
  readonly cut: Cut | null
}

export interface Cut {
  /** Identify the transaction: where its commit record begins, and its id (unsigned). */
  readonly commitLsn: bigint
  readonly xid: number
  /** How many of its events are durable. */
  readonly skip: number
  /** Fingerprint of the settings on which the numbering of events depends. */
  readonly capture: string
}

const FORMAT = '1'
const LSN = '[0-9A-F]{1,8}/[0-9A-F]{1,8}'
const LSN_PATTERN = new RegExp(`^${LSN}$`, 'i')
const POSITION_PATTERN = new RegExp(
  `^${FORMAT};lsn=(${LSN})(?:;commit=(${LSN});xid=(\\d{1,10});skip=(\\d{1,15});capture=([0-9a-f]{8}))?$`,
)

/** `1;lsn=0/16B3748`, inside a transaction `1;lsn=0/16B3748;commit=0/16B3800;xid=734;skip=50000;capture=9ae0c1f2`. */
export function writePosition({ lsn, cut }: Position): string {
  const place = `${FORMAT};lsn=${formatLsn(lsn)}`
  if (!cut) return place
  return `${place};commit=${formatLsn(cut.commitLsn)};xid=${cut.xid};skip=${cut.skip};capture=${cut.capture}`
}

/** @throws TributaryError POSITION_INVALID */
export function readPosition(text: string): Position {
  const [, lsn, commitLsn, xid, skip, capture] = POSITION_PATTERN.exec(text) ?? []
  if (lsn === undefined) {
    throw new TributaryError('POSITION_INVALID', `"${text}" is no Postgres position of format ${FORMAT}.`)
  }
  const cut =
    commitLsn === undefined || capture === undefined
      ? null
      : { commitLsn: parseLsn(commitLsn), xid: Number(xid), skip: Number(skip), capture }
  return { lsn: parseLsn(lsn), cut }
}

/**
 * As the server prints it: two halves in hex without leading zeros. Such texts do not sort (`0/9` and `0/10`), so
 * they are compared as numbers only.
 */
export function formatLsn(lsn: bigint): string {
  return `${half(lsn >> 32n)}/${half(lsn & 0xffffffffn)}`
}

const half = (bits: bigint): string => bits.toString(16).toUpperCase()

/** @throws TributaryError POSITION_INVALID */
export function parseLsn(text: string): bigint {
  if (!LSN_PATTERN.test(text)) throw new TributaryError('POSITION_INVALID', `"${text}" is no LSN.`)
  const [high, low] = text.split('/')
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`)
}

/** The part of a coordinate that orders commits: 16 hex digits, which sort as text. */
export const commitDigits = (lsn: bigint): string => lsn.toString(16).padStart(16, '0')

export const laterLsn = (a: bigint, b: bigint): bigint => (a > b ? a : b)
