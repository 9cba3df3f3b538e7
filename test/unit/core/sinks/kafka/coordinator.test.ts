import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Broker } from '../../../../../core/sinks/kafka/client.ts'
import { askForOutcome } from '../../../../../core/sinks/kafka/coordinator.ts'

const ID = 'tributary.shop'

/** A coordinator that answers with these bytes, and what it was asked. */
function coordinator(answer: Buffer, versions: object = { 65: {} }) {
  const asked: Buffer[] = []
  const broker = {
    versions,
    connectionPool: {
      async send({ request, response }: Parameters<Broker['connectionPool']['send']>[0]) {
        asked.push((await request.encode()).buf)
        return response.parse(await response.decode(answer))
      },
    },
  } as unknown as Broker
  return { broker, asked }
}

/** The beginning of the answer; of what follows nothing is read. */
function described(errorCode: number, state: string): Buffer {
  const head = Buffer.from([0, 0, 0, 0, 0, 2, errorCode >> 8, errorCode & 0xff])
  return Buffer.concat([
    head,
    Buffer.from([ID.length + 1]),
    Buffer.from(ID),
    Buffer.from([state.length + 1]),
    Buffer.from(state),
  ])
}

describe('what a coordinator has decided about the last transaction', () => {
  it('is asked for in the flexible encoding', async () => {
    const { broker, asked } = coordinator(described(0, 'Empty'))
    await askForOutcome(broker, ID)
    assert.deepEqual(asked, [
      Buffer.concat([Buffer.from([0, 2, ID.length + 1]), Buffer.from(ID), Buffer.from([0])]),
    ])
  })

  it('is told by its state, whether or not it is carried out', async () => {
    const outcomes = {
      PrepareCommit: 'committed',
      CompleteCommit: 'committed',
      Ongoing: 'aborted',
      PrepareAbort: 'aborted',
      CompleteAbort: 'aborted',
      PrepareEpochFence: 'aborted',
      Empty: 'none',
      Dead: 'none',
    }
    for (const [state, outcome] of Object.entries(outcomes)) {
      assert.equal(await askForOutcome(coordinator(described(0, state)).broker, ID), outcome)
    }
  })

  it('is none for an id that nobody has used, and for brokers that do not tell', async () => {
    assert.equal(await askForOutcome(coordinator(described(105, '')).broker, ID), 'none')
    const { broker, asked } = coordinator(described(0, 'Ongoing'), {})
    assert.equal(await askForOutcome(broker, ID), 'none')
    assert.deepEqual(asked, [])
  })

  it('is not guessed when the coordinator answers an error', async () => {
    await assert.rejects(askForOutcome(coordinator(described(14, '')).broker, ID), /answers error 14/)
  })
})
