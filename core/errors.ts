/**
 * What the runner does with a failed connector: `retry` begins again at the checkpoint after a back-off, `stop`
 * leaves it stopped until somebody has mended the cause. Anything not listed here stops.
 */
export type Reaction = 'retry' | 'stop'

interface CodeFacts {
  readonly reaction: Reaction
  /** What happened, for the table in the documentation. */
  readonly meaning: string
  /** What the operator should do. */
  readonly hint: string
}

/** The closed list of codes. `docs/06-errors.md` is generated from it. */
export const ERROR_CODES = {
  CONFIG_INVALID: {
    reaction: 'stop',
    meaning: 'A configuration file is wrong, or names something that is not there.',
    hint: 'Mend the lines named in the message; nothing was started.',
  },
  CHECK_FAILED: {
    reaction: 'stop',
    meaning: 'A server lacks what the connector needs.',
    hint: 'Run `tributary check DIR`: each finding carries the statement that mends it.',
  },
  SOURCE_UNREACHABLE: {
    reaction: 'retry',
    meaning: 'The database cannot be reached, or refuses connections for now.',
    hint: 'Check that the server runs and that host and port in `source.url` are right.',
  },
  SOURCE_ACCESS_DENIED: {
    reaction: 'stop',
    meaning:
      'The database refuses the user, the password, our certificate or a right; or its own certificate is not one that we trust.',
    hint: 'Mend what the message names; for a missing right, `tributary check DIR` has the statement that grants it.',
  },
  SOURCE_CONNECTION_LOST: {
    reaction: 'retry',
    meaning: 'The replication link ended, or brought nothing in the time in which it must.',
    hint: 'Nothing is lost: the stream goes on at the checkpoint. Look at the server and the network if it recurs.',
  },
  SOURCE_POOLED: {
    reaction: 'stop',
    meaning:
      'A connection pooler stands before the database: it passes neither session settings nor replication.',
    hint: 'Name the database server itself in `source.url`, not the pooler.',
  },
  PUBLICATION_MISSING: {
    reaction: 'stop',
    meaning: 'The publication does not exist, and the connector may not or must not make it now.',
    hint: 'Run the statement in the message; on a standby, run it on its primary.',
  },
  SLOT_IN_USE: {
    reaction: 'retry',
    meaning: 'Another session reads the replication slot; the message says which.',
    hint: 'Stop the other reader, or wait until the server notices that an earlier worker is gone (wal_sender_timeout).',
  },
  SLOT_MISSING: {
    reaction: 'stop',
    meaning: 'There is a checkpoint, but the replication slot is gone: changes since then cannot be read.',
    hint: 'Rebuild the read models, then start with a new connector name or delete the checkpoint topic.',
  },
  SLOT_UNSUITABLE: {
    reaction: 'stop',
    meaning:
      'The replication slot is of another kind (physical, temporary, two-phase, of another plugin, a standby’s copy) or of another database.',
    hint: 'Give the connector a slot of its own with `source.slot`, or drop this one if nobody needs it.',
  },
  SLOT_AHEAD: {
    reaction: 'stop',
    meaning: 'The replication slot has moved past the checkpoint: somebody else read it or made it again.',
    hint: 'Give each connector a slot of its own. The changes between the two positions are gone from this slot.',
  },
  SLOT_LOST: {
    reaction: 'stop',
    meaning: 'The server has invalidated the replication slot; what it held is gone.',
    hint: 'Remove the cause that the message names, drop the slot, and rebuild the read models.',
  },
  SYSTEM_CHANGED: {
    reaction: 'stop',
    meaning:
      'The database server is another cluster than that of the checkpoint (its system identifier differs), as after pg_upgrade, or a restore from a dump.',
    hint: 'Check `source.url`. If the move is meant: rebuild under a new name, or set `source.acceptSystem` if no change was lost.',
  },
  TIMELINE_DIVERGED: {
    reaction: 'stop',
    meaning:
      'After a failover or a restore, the server’s history lacks what the checkpoint has seen: consumers have changes that the database has not.',
    hint: 'Point `source.url` to the server that has them; or rebuild the read models, and start with a new connector name.',
  },
  PROTOCOL_UNKNOWN: {
    reaction: 'stop',
    meaning: 'The log holds something that this version does not understand. Nothing is skipped.',
    hint: 'Report it with the message; a newer version may know it.',
  },
  PROTOCOL_MALFORMED: {
    reaction: 'stop',
    meaning: 'Bytes of the log do not follow the protocol.',
    hint: 'Report it with the message. Nothing of this transaction was published.',
  },
  VALUE_INVALID: {
    reaction: 'stop',
    meaning: 'A value does not have the form of its column type.',
    hint: 'Report it with the table, column and type named in the message; the value itself is never shown.',
  },
  REPLAY_MISMATCH: {
    reaction: 'stop',
    meaning:
      'The log is not the one of the checkpoint: it ends before it, or holds another transaction than the one that was cut.',
    hint: 'Has the database been restored or replaced? The checkpoint belongs to another history.',
  },
  POSITION_INVALID: {
    reaction: 'stop',
    meaning: 'The checkpoint cannot be read by this version or this kind of connector.',
    hint: 'Use the version that wrote it, or a new connector name.',
  },
  NAME_COLLISION: {
    reaction: 'stop',
    meaning: 'Two tables end on one topic, or two columns on one field name.',
    hint: 'Leave one out with `tables: ["!SCHEMA.TABLE"]`, or rename it.',
  },
  ROW_TOO_LARGE: {
    reaction: 'stop',
    meaning: 'A row of the log takes more than 256 MiB, or more than the server can send (1 GB).',
    hint: 'Publish its table without the large column (`FOR TABLE t (columns ...)`), or leave the table out.',
  },
  KEY_UNKNOWN: {
    reaction: 'stop',
    meaning:
      'The log holds rows of a table whose key it does not tell, and the table is gone or has another key now.',
    hint: 'Name its key: `keys: { "SCHEMA.TABLE": [COLUMN, ...] }`; or leave it out with `tables: ["!SCHEMA.TABLE"]`.',
  },
  KEY_CHANGES_TOO_MANY: {
    reaction: 'stop',
    meaning:
      'One transaction moves more rows of a table with a deferrable key than can be told apart in memory.',
    hint: 'Make the key NOT DEFERRABLE, or change the keys in smaller transactions.',
  },
  SCHEMA_INCOMPATIBLE: {
    reaction: 'stop',
    meaning: 'The registry refuses the new shape of a table as incompatible with the one before.',
    hint: 'Undo the change in the database; or leave the table out, and capture it again under another name (a view of it must be rebuilt).',
  },
  REGISTRY_UNREACHABLE: {
    reaction: 'retry',
    meaning: 'The schema registry cannot be reached.',
    hint: 'Events are held back until it answers. Check `registry.url`.',
  },
  REGISTRY_REFUSED: {
    reaction: 'stop',
    meaning:
      'The schema registry refuses a request (login, rights, or a schema it cannot read); or its certificate is not one that we trust.',
    hint: 'Mend `registry.auth` or `registry.tls` as the message says; see the registry log.',
  },
  KAFKA_UNREACHABLE: {
    reaction: 'retry',
    meaning: 'No broker can be reached, or a request was not answered in its time.',
    hint: 'Nothing is lost: reading goes on at the checkpoint once Kafka answers. Check `kafka.brokers`.',
  },
  KAFKA_REFUSED: {
    reaction: 'stop',
    meaning:
      'Kafka refuses the user, the password, our certificate or a right; or its own certificate is not one that we trust.',
    hint: 'Mend `kafka.tls` or `kafka.sasl` as the message says; `tributary check DIR` names the rights that are needed.',
  },
  KAFKA_WRITE_FAILED: {
    reaction: 'retry',
    meaning: 'A write to Kafka failed; whether it took effect is read from the checkpoint.',
    hint: 'Nothing is lost or repeated. Look at the brokers if it recurs.',
  },
  KAFKA_WRITE_UNSOUND: {
    reaction: 'stop',
    meaning:
      'Kafka accepted a write but its answer does not fit it (a partition missing, an offset going back).',
    hint: 'Report it with the message: records may be missing after the offset named there.',
  },
  KAFKA_TRANSACTION_HANGS: {
    reaction: 'stop',
    meaning:
      'Kafka has lost the end of an earlier transaction: it is neither committed nor aborted in the partitions it wrote to.',
    hint: 'See `kafka-transactions.sh find-hanging`. Abort it there in every partition; should the slot be ahead of the checkpoint then, rebuild the read models.',
  },
  KAFKA_TOPIC_UNSUITABLE: {
    reaction: 'stop',
    meaning: 'A topic cannot be created, or exists with settings that break its promises.',
    hint: 'Mend the setting named in the message; topics that exist are never altered.',
  },
  RECORD_UNREADABLE: {
    reaction: 'stop',
    meaning: 'A record of a topic is not one of ours, is damaged, or its schema is not in the registry.',
    hint: 'Check that the topic is a change topic, and that `registry` is the one its writer uses.',
  },
  RECORD_TOO_LARGE: {
    reaction: 'stop',
    meaning:
      'A record is larger than its topic accepts. Nothing of its transaction was published, or only whole writes of one that is too large for a single write; it goes on behind them.',
    hint: 'Raise max.message.bytes of the topic named in the message.',
  },
  FENCED: {
    reaction: 'stop',
    meaning: 'Another worker has taken over this connector.',
    hint: 'Run each connector in one worker. If this was a hand-over, nothing is to be done.',
  },
  STATE_UNUSABLE: {
    reaction: 'stop',
    meaning: 'The state file of `--sink stdout` cannot be read or written.',
    hint: 'Check the path given by `--state` and its rights.',
  },
  OUTPUT_CLOSED: {
    reaction: 'stop',
    meaning: 'Whoever reads the output of `--sink stdout` has ended.',
    hint: 'Nothing is to be done; with `--state` the next start goes on after what was read.',
  },
  INTERNAL: {
    reaction: 'stop',
    meaning: 'Something failed that has no code of its own.',
    hint: 'Report it with the log lines before it.',
  },
} as const satisfies Record<string, CodeFacts>

export type ErrorCode = keyof typeof ERROR_CODES

/** The one error class. Its message says what happened and where, and never holds a row value or a secret. */
export class TributaryError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'TributaryError'
    this.code = code
  }

  get reaction(): Reaction {
    return ERROR_CODES[this.code].reaction
  }

  get hint(): string {
    return ERROR_CODES[this.code].hint
  }
}

/** Any thrown thing as a TributaryError; what has no code becomes INTERNAL, with itself as the cause. */
export function asTributaryError(thrown: unknown): TributaryError {
  if (thrown instanceof TributaryError) return thrown
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return new TributaryError('INTERNAL', message, { cause: thrown })
}
