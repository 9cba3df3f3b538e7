import { silentLogger } from '../../core/log.ts'
import { KafkaClient } from '../../core/sinks/kafka/client.ts'

const TOPIC = 2

/** Sets what a topic takes as one batch. */
export async function setTopicLimit(brokers: string, topic: string, bytes: number): Promise<void> {
  const client = new KafkaClient({ brokers: [brokers] }, silentLogger)
  const admin = client.admin()
  try {
    await admin.connect()
    const configEntries = [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'max.message.bytes', value: String(bytes) },
    ]
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: TOPIC, name: topic, configEntries }],
    })
  } finally {
    client.destroy()
  }
}
