import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { beforeDeadline } from '../../../../../core/sinks/kafka/deadline.ts'
import { ManualClock, settled } from '../../../../support/manual-clock.ts'

const forever = new Promise<never>(() => {})

describe('deadline', () => {
  it('gives what the work gives', async () => {
    const deadline = { clock: new ManualClock(), ms: 100, signal: new AbortController().signal }
    assert.equal(await beforeDeadline(Promise.resolve(7), 'a write', deadline), 7)
    await assert.rejects(beforeDeadline(Promise.reject(new Error('refused')), 'a write', deadline), /refused/)
  })

  it('rejects with KAFKA_UNREACHABLE when the time is over, not before', async () => {
    const clock = new ManualClock()
    let isOver = false
    const deadline = { clock, ms: 100, signal: new AbortController().signal }
    const work = beforeDeadline(forever, 'a write', deadline).finally(() => {
      isOver = true
    })
    const rejected = assert.rejects(work, {
      code: 'KAFKA_UNREACHABLE',
      message: 'a write: no answer within 100 ms',
    })
    await clock.pass(99)
    assert.equal(isOver, false)
    await clock.pass(1)
    await rejected
  })

  it('rejects when the signal aborts', async () => {
    const controller = new AbortController()
    const deadline = { clock: new ManualClock(), ms: 100, signal: controller.signal }
    const work = beforeDeadline(forever, 'a write', deadline)
    controller.abort()
    await assert.rejects(work, { code: 'KAFKA_UNREACHABLE', message: /closed/ })
  })

  it('leaves a late failure of the work unheard', async () => {
    const clock = new ManualClock()
    const { promise, reject } = Promise.withResolvers<never>()
    const deadline = { clock, ms: 100, signal: new AbortController().signal }
    const work = assert.rejects(beforeDeadline(promise, 'a write', deadline), { code: 'KAFKA_UNREACHABLE' })
    await clock.pass(100)
    await work
    reject(new Error('late'))
    await settled()
  })
})
