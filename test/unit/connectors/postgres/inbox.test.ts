import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { Cursor } from '../../../../connectors/postgres/cursor.ts'
import { Inbox, type InboxLimits } from '../../../../connectors/postgres/inbox.ts'
import { TributaryError } from '../../../../core/errors.ts'

const SMALL: InboxLimits = { slabBytes: 64, highWaterBytes: 200, lowWaterBytes: 50 }

function inboxWithFlow(limits: InboxLimits = SMALL) {
  const calls: string[] = []
  const inbox = new Inbox({ pause: () => calls.push('pause'), resume: () => calls.push('resume') }, limits)
  return { inbox, calls }
}

function readAll(inbox: Inbox): string[] {
  const cursor = new Cursor()
  const messages: string[] = []
  while (inbox.next(cursor)) messages.push(cursor.bytes.toString('latin1', cursor.offset, cursor.end))
  return messages
}

it('Messages come out as they went in, however pushing and reading alternate', () => {
  // A number is how many to read; text is pushed. Lengths reach beyond a slab.
  const step = fc.oneof(fc.nat(5), fc.string({ unit: 'binary-ascii', maxLength: 150 }))
  fc.assert(
    fc.property(fc.array(step), steps => {
      const { inbox } = inboxWithFlow()
      const cursor = new Cursor()
      const [pushed, read]: [string[], string[]] = [[], []]
      // The driver uses its buffer again: so does this test.
      const shared = Buffer.alloc(150)
      for (const step of steps) {
        if (typeof step === 'string') {
          shared.write(step, 'latin1')
          inbox.push(shared.subarray(0, step.length))
          pushed.push(step)
          shared.fill(0xff)
        }
        for (let count = 0; typeof step === 'number' && count < step && inbox.next(cursor); count++) {
          read.push(cursor.bytes.toString('latin1', cursor.offset, cursor.end))
        }
      }
      assert.deepEqual([...read, ...readAll(inbox)], pushed)
      assert.equal(inbox.bytes, 0)
    }),
  )
})

it('A message stays in place while more arrive', () => {
  const { inbox } = inboxWithFlow()
  const cursor = new Cursor()
  inbox.push(Buffer.from('first'))
  inbox.next(cursor)
  for (let count = 0; count < 20; count++) inbox.push(Buffer.from('more of it'))
  assert.equal(cursor.bytes.toString('latin1', cursor.offset, cursor.end), 'first')
})

it('The link is paused above the high-water mark, once, and resumed below the low-water mark', () => {
  const { inbox, calls } = inboxWithFlow()
  for (let count = 0; count < 9; count++) inbox.push(Buffer.alloc(20))
  assert.deepEqual(calls, ['pause'])
  assert.equal(inbox.isPaused, true)
  const cursor = new Cursor()
  for (let count = 0; count < 6; count++) inbox.next(cursor)
  assert.deepEqual(calls, ['pause'])
  readAll(inbox)
  assert.deepEqual(calls, ['pause', 'resume'])
})

it('After a failure, what came before can be read and nothing after it comes', async () => {
  const { inbox } = inboxWithFlow()
  inbox.push(Buffer.from('before'))
  inbox.fail(new TributaryError('SOURCE_CONNECTION_LOST', 'first'))
  inbox.fail(new TributaryError('INTERNAL', 'second'))
  inbox.push(Buffer.from('after'))
  assert.deepEqual(readAll(inbox), ['before'])
  assert.equal(inbox.failure?.message, 'first')
  await inbox.arrival()
})

it('Waiting ends when a message arrives, and when it is woken', async () => {
  const { inbox } = inboxWithFlow()
  const arrival = inbox.arrival()
  inbox.push(Buffer.from('a'))
  await arrival
  readAll(inbox)
  const woken = inbox.arrival()
  inbox.wake()
  await woken
})
