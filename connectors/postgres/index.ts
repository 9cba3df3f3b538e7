import type { SourceDeps } from '../../core/connector.ts'
import type { ChangeBatch, Checkpoint, Source } from '../../core/types.ts'
import { check } from './check.ts'
import { Queries } from './connection.ts'
import { formatLsn, readPosition } from './position.ts'
import { openSession, type Session } from './session.ts'
import { type Capture, type PostgresSettings, resolveSettings } from './settings.ts'
import { streamBatches } from './stream.ts'

export { claims, type PostgresSettings, postgresSettings } from './settings.ts'

/** Committed changes of one Postgres database, from a logical replication slot read with pgoutput. */
export function createSource(settings: PostgresSettings, deps: SourceDeps): Source {
  const capture = resolveSettings(settings, deps.name)
  const queries = new Queries(capture)
  let session: Session | null = null
  let waitsFor: string | null = null

  async function* stream(
    from: Checkpoint,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch, void, undefined> {
    // Waiting for a lock, or for old transactions while a slot is made, must not hold up the end.
    const interrupt = () => void queries.close()
    if (signal.aborted) return
    signal.addEventListener('abort', interrupt)
    try {
      const onWaiting = (what: string) => {
        waitsFor = what
      }
      session = await openSession({ capture, deps, queries, from: from.stream, signal, onWaiting })
      void session.keepalive.run()
      yield* streamBatches(session, { clock: deps.clock, heartbeatMs: capture.heartbeatMs }, signal)
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      signal.removeEventListener('abort', interrupt)
    }
  }

  return {
    check: () => check(queries, capture),
    stream,
    acknowledge: checkpoint => {
      const position = checkpoint.stream?.position
      if (position !== undefined) session?.keepalive.confirm(readPosition(position).lsn)
    },
    status: () => describe(capture, session, waitsFor),
    close: async () => {
      session?.keepalive.stop()
      await Promise.all([session?.link.close(), queries.close()])
    },
  }
}

function describe(
  capture: Capture,
  session: Session | null,
  waitsFor: string | null,
): ReturnType<Source['status']> {
  const { slot, publication } = capture
  if (!session) return { slot, publication, waitsFor }
  const { server, reader, keepalive, inbox } = session
  return {
    slot,
    publication,
    server: server.version,
    database: server.database,
    readLsn: formatLsn(reader.progress),
    durableLsn: formatLsn(keepalive.durableLsn),
    lagBytes: Number(reader.progress - keepalive.durableLsn),
    heldBytes: inbox.bytes,
    isPaused: inbox.isPaused,
  }
}
