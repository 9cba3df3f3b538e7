import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { ConnectorState, ConnectorStatus } from '../../../../core/connector-status.ts'
import { startHttp } from '../../../../core/http/server.ts'
import { createMetrics } from '../../../../core/metrics.ts'

let close: (() => Promise<void>) | undefined
afterEach(() => close?.())

const status = (name: string, state: ConnectorState): ConnectorStatus => ({
  name,
  state,
  since: '2026-01-01T00:00:00.000Z',
  restarts: 0,
  error: null,
  findings: [],
  eventsRead: 0,
  recordsWritten: 0,
  lastWriteAt: null,
  checkpoint: {},
  held: { records: 0, bytes: 0 },
  lagSeconds: 0,
  source: { slot: 'tributary_shop' },
})

const serve = async (...states: ConnectorState[]) => {
  const connectors = states.map((state, index) => status(`c${index}`, state))
  const server = await startHttp({
    host: '127.0.0.1',
    port: 0,
    version: '9.9.9',
    startedAt: new Date(0),
    metrics: createMetrics(),
    connectors: () => connectors,
  })
  close = server.close
  return (path: string) => fetch(server.url + path)
}

describe('operator pages', () => {
  it('are healthy while one connector can still work', async () => {
    assert.equal((await (await serve('failed', 'waiting'))('/healthz')).status, 200)
  })

  it('are not healthy when every connector has failed', async () => {
    assert.equal((await (await serve('failed', 'failed'))('/healthz')).status, 503)
  })

  it('are ready when every connector streams', async () => {
    assert.equal((await (await serve('streaming', 'streaming'))('/readyz')).status, 200)
  })

  it('are not ready while one does not, and say which', async () => {
    const response = await (await serve('streaming', 'waiting'))('/readyz')
    assert.equal(response.status, 503)
    assert.deepEqual(await response.json(), { ready: false, connectors: { c0: 'streaming', c1: 'waiting' } })
  })

  it('show status as JSON and metrics as Prometheus text', async () => {
    const get = await serve('streaming')
    const body = (await (await get('/status')).json()) as { version: string; connectors: ConnectorStatus[] }
    assert.deepEqual([body.version, body.connectors[0]?.source.slot], ['9.9.9', 'tributary_shop'])
    const metrics = await get('/metrics')
    assert.match(metrics.headers.get('content-type') ?? '', /text\/plain/)
    assert.match(await metrics.text(), /process_resident_memory_bytes \d/)
  })

  it('tells a port that is taken as a mistake of the configuration', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as AddressInfo
    const options = { version: '1', startedAt: new Date(0), metrics: createMetrics(), connectors: () => [] }
    await assert.rejects(startHttp({ ...options, host: '127.0.0.1', port }), {
      code: 'CONFIG_INVALID',
      message: `http.host 127.0.0.1, http.port ${port}: cannot listen there (EADDRINUSE)`,
    })
    taken.close()
  })
})
