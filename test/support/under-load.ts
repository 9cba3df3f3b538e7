import { startLoad } from './audited-shop.ts'
import type { ShopScene } from './shop-scene.ts'
import { until } from './until.ts'
import type { Worker } from './worker.ts'

/** A worker carries a light load through what `faults` does to it, goes on by itself and catches up. */
export async function carryThroughFaults(
  scene: ShopScene,
  faults: (worker: Worker) => Promise<void>,
): Promise<void> {
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl, { sessions: 1, pauseMs: 20 })
  await faults(worker)
  await writesOn(worker)
  await load.stop()
  await scene.caughtUp(worker)
}

/** The same, once and in order. Resolves to the number of changes. */
export async function throughFaults(
  scene: ShopScene,
  faults: (worker: Worker) => Promise<void>,
): Promise<number> {
  await carryThroughFaults(scene, faults)
  return scene.proveExactlyOnce()
}

/** Resolves once the worker has written more than it has now. */
export async function writesOn(worker: Worker): Promise<void> {
  // One that has just been started does not answer yet.
  const written = () =>
    worker.status().then(
      ({ recordsWritten }) => recordsWritten,
      () => 0,
    )
  const before = await written()
  await until('the worker writes on', async () => (await written()) > before, 120_000)
}

/** Resolves once the worker has logged this code since `from`, an index into its log. */
export async function says(worker: Worker, code: string, from = 0): Promise<void> {
  const hasSaid = () => worker.log.slice(from).some(line => line.code === code)
  await until(`the worker says ${code}`, hasSaid, 120_000).catch(error => {
    throw new Error(`${error.message}\n${worker.log.map(line => JSON.stringify(line)).join('\n')}`)
  })
}

export const settle = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))
