import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { silentLogger } from '../../../core/log.ts'
import { KafkaClient } from '../../../core/sinks/kafka/client.ts'

describe('Kafka client', () => {
  it('ends what is under way when it is destroyed, and connects no more', async () => {
    // A server that accepts connections and never answers.
    const server = createServer(() => undefined).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    assert.ok(address !== null && typeof address === 'object')
    const client = new KafkaClient({ brokers: [`127.0.0.1:${address.port}`] }, silentLogger)
    const connecting = assert.rejects(client.admin().connect())
    const [socket] = await once(server, 'connection')
    let connections = 0
    server.on('connection', () => connections++)
    const ended = once(socket, 'close')
    client.destroy()
    await ended
    await connecting
    assert.equal(connections, 0)
    server.close()
  })
})
