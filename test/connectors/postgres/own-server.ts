import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe } from 'node:test'
import type { Finding } from '../../../core/types.ts'
import { type RunningService, startService } from '../../services/index.ts'
import { TestDatabase } from './database.ts'
import { Scene } from './scene.ts'

export interface OwnServer {
  readonly scene: Scene
  readonly server: RunningService
  readonly version: 15 | 18
}

/**
 * Runs the same tests on a server of each version that nobody else uses, with a new database for each test: for tests
 * that change, fill or stop a server. `server` and `version` are known inside tests only.
 */
export function onOwnServers(
  what: string,
  settings: Readonly<Record<string, string>>,
  tests: (own: OwnServer) => void,
): void {
  for (const version of [15, 18] as const) {
    describe(`${what} of Postgres ${version}`, () => {
      let server: RunningService | undefined
      const scene = new Scene()
      before(async () => {
        server = await startService(`postgres${version}`, { settings })
      })
      after(() => server?.stop())
      beforeEach(async () => scene.open(await TestDatabase.create(server?.url ?? '')))
      afterEach(() => scene.close())
      tests({
        scene,
        version,
        get server() {
          return server as RunningService
        },
      })
    })
  }
}

/** Runs a fix as somebody would who pastes it into psql: one statement after the other. */
export async function applyFix(database: TestDatabase, { subject, fix }: Finding): Promise<void> {
  assert.ok(fix, `no fix for ${subject}`)
  const statements = fix.replace(/--.*$/, '').split(/;\s*/)
  for (const statement of statements.filter(text => text !== '')) await database.commit(statement)
}
