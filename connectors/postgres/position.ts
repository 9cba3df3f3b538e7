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
  /** Whose log it is a place of; missing in positions of format 1. */
  readonly history?: History
}

/** An LSN is a place in one history only: that of a cluster, on one of its timelines. */
export interface History {
  /** The cluster's system identifier: standbys and physical copies share it. Digits. */
  readonly system: string
  /** Grows at each promotion, and at each restore to a point in time. */
  readonly timeline: number
}

export interface Cut {
  /** Identify the transaction: where its commit record begins, and its id (unsigned). */
  readonly commitLsn: bigint
  readonly xid: number
  /** How many of its events are durable. */
  readonly skip: number
  /** Fingerprint of the settings on which the numbering of events depends; counts where there is no trace. */
  readonly capture: string
  /** Tells those events apart from others, see `EventTrace`; missing in positions of format 1. */
  readonly trace?: string
}

const LSN = '[0-9A-F]{1,8}/[0-9A-F]{1,8}'
const LSN_PATTERN = new RegExp(`^${LSN}$`, 'i')
/** Format 1 had no history. */
const POSITION_PATTERN = new RegExp(
  `^(?:1;lsn=(?<lsn>${LSN})|2;lsn=(?<lsn>${LSN});system=(?<system>\\d{1,20});timeline=(?<timeline>\\d{1,10}))` +
    `(?:;commit=(?<commit>${LSN});xid=(?<xid>\\d{1,10});skip=(?<skip>\\d{1,15});` +
    `capture=(?<capture>[0-9a-f]{8})(?:;trace=(?<trace>[0-9a-f]{8}))?)?$`,
)

/**
 * `2;lsn=0/16B3748;system=7577012483941220401;timeline=1`, and inside a transaction
 * `;commit=0/16B3800;xid=734;skip=50000;capture=9ae0c1f2;trace=0b51d3aa` after it. Format 1 is the same without a history.
 */
export function writePosition({ lsn, cut, history }: Position): string {
  const place = history
    ? `2;lsn=${formatLsn(lsn)};system=${history.system};timeline=${history.timeline}`
    : `1;lsn=${formatLsn(lsn)}`
  if (!cut) return place
  const { commitLsn, xid, skip, capture, trace } = cut
  return `${place};commit=${formatLsn(commitLsn)};xid=${xid};skip=${skip};capture=${capture}${trace ? `;trace=${trace}` : ''}`
}

/** @throws TributaryError POSITION_INVALID */
export function readPosition(text: string): Position {
  const { lsn, system, timeline, commit, xid, skip, capture, trace } =
    POSITION_PATTERN.exec(text)?.groups ?? {}
  if (lsn === undefined) {
    throw new TributaryError('POSITION_INVALID', `"${text}" is no Postgres position of format 1 or 2.`)
  }
  const cut =
    commit === undefined || capture === undefined
      ? null
      : {
          commitLsn: parseLsn(commit),
          xid: Number(xid),
          skip: Number(skip),
          capture,
          ...(trace ? { trace } : {}),
        }
  const history = system === undefined ? {} : { history: { system, timeline: Number(timeline) } }
  return { lsn: parseLsn(lsn), cut, ...history }
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
