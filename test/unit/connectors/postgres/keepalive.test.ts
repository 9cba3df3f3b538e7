import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Keepalive } from '../../../../connectors/postgres/keepalive.ts'
import type { TributaryError } from '../../../../core/errors.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

function keepalive(walSenderTimeoutMs = 60_000, heartbeatMs = 10_000) {
  const clock = new ManualClock()
  const reports: [lsn: bigint, asksForReply: boolean][] = []
  const silences: TributaryError[] = []
  const server = { bytes: 0, isPaused: false }
  const alive = new Keepalive({
    link: {
      report: (lsn, { asksForReply }) => reports.push([lsn, asksForReply]),
      bytesRead: () => server.bytes,
    },
    clock,
    walSenderTimeoutMs,
    heartbeatMs,
    startLsn: 100n,
    where: 'Connector shop',
    isPaused: () => server.isPaused,
    onSilence: reason => silences.push(reason),
  })
  return { clock, reports, silences, server, alive }
}

it('What is durable is reported at once, never goes back, and is what timers repeat', async () => {
  const { clock, reports, alive } = keepalive()
  void alive.run()
  alive.confirm(300n)
  alive.confirm(200n)
  alive.confirm(300n)
  await clock.pass(10_000)
  assert.deepEqual(reports, [
    [100n, true],
    [300n, false],
    [300n, true],
  ])
})

it('The server hears from us three times within its timeout, and is asked for an answer each time', async () => {
  const { clock, reports, alive } = keepalive(3_000)
  void alive.run()
  for (let ms = 0; ms < 3_000; ms += 1_000) await clock.pass(1_000)
  assert.deepEqual(
    reports,
    Array.from({ length: 4 }, () => [100n, true]),
  )
})

it('A timeout of 0 means none', async () => {
  const { clock, reports, alive } = keepalive(0)
  void alive.run()
  await clock.pass(9_999)
  assert.equal(reports.length, 1)
})

it('Silence of 30 seconds is a lost link, unless we have stopped reading ourselves', async () => {
  const { clock, silences, server, alive } = keepalive(1_000)
  void alive.run()
  const pass = async (seconds: number) => {
    for (let second = 0; second < seconds; second++) await clock.pass(1_000)
  }
  await pass(29)
  server.bytes++
  await pass(25)
  server.isPaused = true
  await pass(100)
  server.isPaused = false
  await pass(29)
  assert.equal(silences.length, 0)
  await pass(3)
  assert.equal(silences[0]?.code, 'SOURCE_CONNECTION_LOST')
})

it('A server that asks again and again is answered ten times a second at most', async () => {
  const { clock, reports, alive } = keepalive()
  await clock.pass(1_000)
  for (let ms = 0; ms < 1_000; ms++) {
    alive.answer()
    await clock.pass(1)
  }
  assert.equal(reports.length, 10)
  assert.equal(alive.isServerWaiting, true)
  alive.confirm(200n)
  assert.equal(alive.isServerWaiting, false)
})

it('The last word is said when it stops, and no more after it', async () => {
  const { clock, reports, alive } = keepalive()
  void alive.run()
  alive.stop()
  await clock.pass(60_000)
  assert.deepEqual(reports, [
    [100n, true],
    [100n, false],
  ])
})
