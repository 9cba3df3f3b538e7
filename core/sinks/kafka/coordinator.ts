import type { Broker, Cluster } from './client.ts'
import { asBody } from './replacements.ts'
import { WireReader, wireText } from './wire.ts'

const TRANSACTIONS = 1
const DESCRIBE_TRANSACTIONS = 65
/** Nobody has begun a transaction under this id yet, or it was long ago. */
const NO_SUCH_ID = 105

/** What became of the last transaction of a transactional id. */
export type Outcome = 'committed' | 'aborted' | 'none'

/** The coordinator's names of its states: what it has decided, whether or not it has carried it out. */
const OUTCOMES: Readonly<Record<string, Outcome>> = {
  PrepareCommit: 'committed',
  CompleteCommit: 'committed',
  // A transaction that stands open is aborted by whoever takes the id over.
  Ongoing: 'aborted',
  PrepareAbort: 'aborted',
  CompleteAbort: 'aborted',
  PrepareEpochFence: 'aborted',
}

/**
 * Asks any broker who coordinates the transactions of this id, which takes the right to describe it and begins
 * nothing. Rejects with Kafka's own reason: the client, asking for itself, throws that away.
 */
export async function askForCoordinator(cluster: Cluster, transactionalId: string): Promise<Broker> {
  await cluster.connect()
  await cluster.refreshMetadata()
  const broker = await cluster.findBroker({ nodeId: cluster.getNodeIds()[0] ?? '0' })
  const { coordinator } = await broker.findGroupCoordinator({
    groupId: transactionalId,
    coordinatorType: TRANSACTIONS,
  })
  return cluster.findBroker({ nodeId: String(coordinator.nodeId) })
}

/** What the coordinator has decided about the last transaction; `none` after a producer has begun anew. */
export async function askForOutcome(coordinator: Broker, transactionalId: string): Promise<Outcome> {
  // Brokers before 3.0 do not tell.
  if (!coordinator.versions?.[DESCRIBE_TRANSACTIONS]) return 'none'
  const { errorCode, state } = await coordinator.connectionPool.send({
    request: {
      apiKey: DESCRIBE_TRANSACTIONS,
      apiVersion: 0,
      apiName: 'DescribeTransactions',
      encode: async () => asBody(encodeDescription(transactionalId)),
    },
    response: { decode: async payload => payload, parse: async payload => readDescription(payload) },
  })
  if (errorCode === NO_SUCH_ID) return 'none'
  if (errorCode !== 0) throw new Error(`the coordinator of ${transactionalId} answers error ${errorCode}`)
  return OUTCOMES[state] ?? 'none'
}

/**
 * DescribeTransactions, version 0 (https://kafka.apache.org/protocol#The_Messages_DescribeTransactions), in the
 * flexible encoding: the header ends with its tagged fields, of which we have none, and lengths are one more than
 * they are, as varints.
 *
 *   tagged, transactional_ids [ string ], tagged
 */
function encodeDescription(transactionalId: string): Buffer {
  const text = wireText(transactionalId).subarray(2)
  return Buffer.concat([Buffer.from([0, 2]), wireUvarint(text.length + 1), text, Buffer.from([0])])
}

/** tagged, throttle int32, states [ error int16, transactional_id string, state string, ... ] */
export function readDescription(payload: Buffer): { errorCode: number; state: string } {
  const reader = new WireReader(payload.subarray(1))
  reader.int32()
  reader.uvarint()
  const errorCode = reader.int16()
  reader.compactText()
  return { errorCode, state: reader.compactText() }
}

function wireUvarint(value: number): Buffer {
  const bytes: number[] = []
  let left = value
  for (; left > 0x7f; left >>>= 7) bytes.push((left & 0x7f) | 0x80)
  return Buffer.from([...bytes, left])
}
