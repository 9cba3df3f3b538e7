import assert from 'node:assert/strict'
import { it } from 'node:test'
import { checkServer } from '../../../../connectors/postgres/check-server.ts'
import type { Server } from '../../../../connectors/postgres/server.ts'
import { postgresSettings, resolveSettings } from '../../../../connectors/postgres/settings.ts'

const capture = resolveSettings(
  postgresSettings.parse({ type: 'postgres', url: 'postgres://db/shop' }),
  'shop',
)

const server = (parts: Partial<Server>): Server => ({
  versionNumber: 180_004,
  version: '18.4',
  database: 'shop',
  user: 'tributary',
  isSuperuser: false,
  mayReplicate: true,
  mayCreateInDatabase: true,
  isStandby: false,
  walLevel: 'logical',
  walSenderTimeoutMs: 60_000,
  maxSlots: 10,
  usedSlots: 1,
  maxSenders: 10,
  usedSenders: 1,
  hasOurSession: true,
  encoding: 'UTF8',
  maxSlotWalMb: -1,
  idleSlotTimeoutSeconds: 0,
  decodingWorkMemKb: 65_536,
  hotStandbyFeedback: false,
  physicalSlots: [],
  synchronizedStandbySlots: '',
  ...parts,
})

/** `subject severity`, of what is not in order. */
const problems = (parts: Partial<Server>): string[] =>
  checkServer(
    { server: server(parts), slot: null, publication: null, candidates: [], others: [], transactions: [] },
    capture,
  )
    .filter(({ severity }) => severity !== 'ok')
    .map(({ subject, severity }) => `${subject} ${severity}`)

it('A server with everything has nothing to mend', () => {
  assert.deepEqual(problems({}), [])
  assert.deepEqual(problems({ versionNumber: 140_000 }), [])
})

it('A server that is too old is told so, and of nothing else', () => {
  assert.deepEqual(problems({ versionNumber: 130_022, walLevel: 'replica' }), ['version failure'])
})

it('A standby is no source before version 16', () => {
  assert.deepEqual(problems({ versionNumber: 150_018, isStandby: true }), ['version failure'])
  assert.deepEqual(problems({ versionNumber: 160_000, isStandby: true, hotStandbyFeedback: true }), [])
  assert.deepEqual(problems({ isStandby: true }), ['hot_standby_feedback warning'])
})

it('Standbys are no reason to warn before slots could be copied to them', () => {
  const physicalSlots = ['standby_1']
  assert.deepEqual(problems({ versionNumber: 160_000, physicalSlots }), [])
  assert.deepEqual(problems({ versionNumber: 170_000, physicalSlots }), ['failover warning'])
})

it('A standby that changes wait for, and that is not there, is named', () => {
  const waits = (physicalSlots: string[]) => problems({ physicalSlots, synchronizedStandbySlots: 'one, two' })
  assert.deepEqual(waits(['one', 'two']), ['failover warning'])
  const failover = resolveSettings(
    postgresSettings.parse({ type: 'postgres', url: 'postgres://db/shop', failover: true }),
    'shop',
  )
  const facts = { slot: null, publication: null, candidates: [], others: [], transactions: [] }
  const [found] = checkServer(
    { ...facts, server: server({ physicalSlots: ['one'], synchronizedStandbySlots: 'one, two' }) },
    failover,
  ).filter(({ severity }) => severity === 'warning')
  assert.match(found?.message ?? '', /names two, which/)
  assert.match(found?.fix ?? '', /synchronized_standby_slots = 'one'/)
})
