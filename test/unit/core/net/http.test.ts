import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, it } from 'node:test'
import { HttpClient } from '../../../../core/net/http.ts'
import { until } from '../../../support/until.ts'

const request = { method: 'GET', headers: {}, timeoutMs: 30_000 } as const

/** A server that counts its connections, and cuts those of so many requests. */
async function serveCounted() {
  const sockets = new Set<Socket>()
  const state = { connections: 0, cuts: 0 }
  const server = createServer((request, response) => {
    if (state.cuts > 0) {
      state.cuts--
      request.socket.resetAndDestroy()
      return
    }
    response.end('ok')
  })
  // Else it ends idle connections by itself, and tells the client when.
  server.keepAliveTimeout = 0
  server.on('connection', socket => {
    state.connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    state,
    sockets,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

describe('requests', () => {
  it('use a connection again, and another one when the server has ended it', async () => {
    await using server = await serveCounted()
    const client = new HttpClient()
    const ask = async () => (await client.send({ ...request, url: server.url })).text
    assert.deepEqual([await ask(), await ask(), server.state.connections], ['ok', 'ok', 1])
    server.state.cuts = 1
    assert.equal(await ask(), 'ok')
    assert.equal(server.state.connections, 2)
  })

  it('use none of several connections that the server has ended', async () => {
    await using server = await serveCounted()
    const client = new HttpClient()
    const ask = async () => (await client.send({ ...request, url: server.url })).text
    await Promise.all([ask(), ask(), ask()])
    server.state.cuts = 3
    assert.equal(await ask(), 'ok')
    assert.equal(server.state.connections, 4)
  })

  it('leave no connection open for ever', async () => {
    await using server = await serveCounted()
    await new HttpClient({}, 50).send({ ...request, url: server.url })
    await until('the connection is ended', () => server.sockets.size === 0)
  })

  it('are not made twice when a new connection ends', async () => {
    await using server = await serveCounted()
    server.state.cuts = 1
    await assert.rejects(new HttpClient().send({ ...request, url: server.url }), /ECONNRESET|socket hang up/)
    assert.equal(server.state.connections, 1)
  })

  it('end with the reason of whoever ends them', async () => {
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const paths: (string | undefined)[] = []
    server.on('request', ({ url }) => paths.push(url))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const client = new HttpClient()
    await assert.rejects(client.send({ ...request, url, timeoutMs: 20 }), /no answer in 20 ms/)
    const stop = new AbortController()
    const pending = client.send({ ...request, url: `${url}second`, signal: stop.signal })
    const ended = assert.rejects(pending, { message: 'stopped' })
    await until('the request has come', () => paths.includes('/second'))
    stop.abort(new Error('stopped'))
    await ended
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
})
