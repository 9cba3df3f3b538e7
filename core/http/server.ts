import { type FastifyInstance, fastify } from 'fastify'
import type { ConnectorStatus } from '../connector-status.ts'
import { TributaryError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'

export interface HttpOptions {
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  readonly version: string
  readonly startedAt: Date
  readonly metrics: Metrics
  readonly connectors: () => readonly ConnectorStatus[]
}

/**
 * Answers operators until it is closed: `/healthz` (503 once every connector has failed), `/readyz` (503 until
 * every connector streams), `/metrics` and `/status`.
 * @throws TributaryError CONFIG_INVALID when it cannot listen there
 */
export async function startHttp(options: HttpOptions): Promise<{ url: string; close(): Promise<void> }> {
  const server = fastify({ logger: false, forceCloseConnections: true })
  addRoutes(server, options)
  const { host, port } = options
  try {
    return { url: await server.listen({ host, port }), close: () => server.close() }
  } catch (cause) {
    const { code = 'unknown error' } = cause as NodeJS.ErrnoException
    const message = `http.host ${host}, http.port ${port}: cannot listen there (${code})`
    throw new TributaryError('CONFIG_INVALID', message, { cause })
  }
}

function addRoutes(server: FastifyInstance, options: HttpOptions): void {
  const states = () => Object.fromEntries(options.connectors().map(({ name, state }) => [name, state]))
  server.get('/healthz', (_request, reply) => {
    const connectors = states()
    const healthy = Object.values(connectors).some(state => state !== 'failed')
    return reply.code(healthy ? 200 : 503).send({ healthy, connectors })
  })
  server.get('/readyz', (_request, reply) => {
    const connectors = states()
    const ready = Object.values(connectors).every(state => state === 'streaming')
    return reply.code(ready ? 200 : 503).send({ ready, connectors })
  })
  server.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.text()),
  )
  server.get('/status', () => ({
    version: options.version,
    startedAt: options.startedAt.toISOString(),
    connectors: options.connectors(),
  }))
}
