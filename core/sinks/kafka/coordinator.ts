import type { Cluster } from './client.ts'

const TRANSACTIONS = 1

/**
 * Asks any broker who coordinates the transactions of this id, which takes the right to describe it and begins
 * nothing. Rejects with Kafka's own reason: the client, asking for itself, throws that away.
 */
export async function askForCoordinator(cluster: Cluster, transactionalId: string): Promise<void> {
  await cluster.connect()
  await cluster.refreshMetadata()
  const broker = await cluster.findBroker({ nodeId: cluster.getNodeIds()[0] ?? '0' })
  await broker.findGroupCoordinator({ groupId: transactionalId, coordinatorType: TRANSACTIONS })
}
