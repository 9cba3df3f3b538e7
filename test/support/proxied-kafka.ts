import { type RunningService, startService } from '../services/index.ts'
import { freePorts } from '../services/ports.ts'
import { startProxy, type Tap, type TcpProxy } from './proxy.ts'

/** A broker of the test's own with as many proxied ways in as there are tests side by side. */
export interface ProxiedKafka extends AsyncDisposable {
  readonly broker: RunningService
  /** Clients that come through one are told of no other address, so all they do goes through it. */
  readonly proxies: readonly TcpProxy[]
}

export async function startProxiedKafka(
  count: number,
  settings: Readonly<Record<string, string>> = {},
): Promise<ProxiedKafka> {
  const ports = await freePorts(2 * count)
  const [inner, outer] = [ports.slice(0, count), ports.slice(count)]
  const listeners = (at: readonly number[]) => at.map((port, i) => `PROXIED${i}://127.0.0.1:${port}`).join()
  const broker = await startService('kafka', {
    settings: {
      listeners: listeners(inner),
      'advertised.listeners': listeners(outer),
      'listener.security.protocol.map': inner.map((_, i) => `PROXIED${i}:PLAINTEXT`).join(),
      ...settings,
    },
  })
  const proxies = await Promise.all(inner.map((port, i) => startProxy(`127.0.0.1:${port}`, outer[i])))
  return {
    broker,
    proxies,
    async [Symbol.asyncDispose]() {
      await Promise.all(proxies.map(proxy => proxy[Symbol.asyncDispose]()))
      await broker.stop()
    },
  }
}

/** Numbers of Kafka's requests (https://kafka.apache.org/protocol#protocol_api_keys). */
export const API = {
  produce: 0,
  initProducerId: 22,
  addPartitionsToTransaction: 24,
  endTransaction: 26,
} as const

/**
 * Sees a request of this kind just before it passes. Our client sends each request by itself and waits for its answer,
 * so a request begins where a read begins: length int32, number int16.
 */
export function tapRequests(apiKey: number, seen: (...link: Parameters<Tap>) => ReturnType<Tap>): Tap {
  return (bytes, link) =>
    bytes.length >= 6 && bytes.readInt16BE(4) === apiKey && bytes.readInt32BE(0) <= 64 << 20
      ? seen(bytes, link)
      : 'pass'
}
