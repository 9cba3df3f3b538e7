import { freePorts } from '../services/ports.ts'
import type { ShopScene } from './shop-scene.ts'
import type { Worker } from './worker.ts'

/** A worker whose event loop can be held still. */
export interface InspectedWorker extends Worker {
  /** Nothing else runs in it for this long; resolves when it does again. */
  block(ms: number): Promise<void>
}

/** Started with Node's inspector on the loopback interface. */
export async function startInspectedWorker(scene: ShopScene): Promise<InspectedWorker> {
  const [port] = await freePorts(1)
  const worker = await scene.startWorker([`--inspect=127.0.0.1:${port}`])
  const block = async (ms: number) => {
    const expression = `{ const end = performance.now() + ${ms}; while (performance.now() < end); }`
    await evaluate(port as number, expression)
  }
  return Object.assign(worker, { block })
}

/** The Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/), `Runtime.evaluate`. */
async function evaluate(port: number, expression: string): Promise<void> {
  const [target] = (await (await fetch(`http://127.0.0.1:${port}/json/list`)).json()) as [
    { webSocketDebuggerUrl: string },
  ]
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  try {
    await new Promise<void>((resolve, reject) => {
      socket.addEventListener('error', () => reject(new Error('the inspector cannot be reached')))
      socket.addEventListener('message', ({ data }) => {
        const { result } = JSON.parse(String(data)) as { result?: { exceptionDetails?: unknown } }
        if (result?.exceptionDetails) reject(new Error(JSON.stringify(result.exceptionDetails)))
        else resolve()
      })
      socket.addEventListener('open', () =>
        socket.send(JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression } })),
      )
    })
  } finally {
    socket.close()
  }
}
