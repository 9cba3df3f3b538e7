import { createServer } from 'node:net'

// Below every system's range for outgoing connections (32768 on Linux, 49152 elsewhere). A port out of that
// range can be lost between the death of a server and its restart: a client that keeps dialling it may be given
// the very same port as its own end, and then TCP connects the client to itself.
const FIRST = 15_000
const LAST = 32_000
const ATTEMPTS = 200

const given = new Set<number>()

/** Ports on 127.0.0.1 that nobody listens on now, none of them given out before by this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let attempt = 0; ports.length < count; attempt++) {
    if (attempt === ATTEMPTS) throw new Error(`no free port found on 127.0.0.1 between ${FIRST} and ${LAST}`)
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST))
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}

function isFree(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
