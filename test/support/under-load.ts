import { startLoad } from './audited-shop.ts'
import type { ShopScene } from './shop-scene.ts'
import { until } from './until.ts'
import type { Worker } from './worker.ts'

/**
 * A worker carries a light load through what `faults` does to it, goes on by itself and catches up. Resolves to
 * what `prove` finds.
 */
export async function throughFaults(
  scene: ShopScene,
  faults: (worker: Worker) => Promise<void>,
): Promise<number> {
  await using worker = await scene.startWorker()
  await worker.ready()
  await using load = startLoad(scene.databaseUrl, { sessions: 1, pauseMs: 20 })
  await faults(worker)
  await writesOn(worker)
  await load.stop()
  await scene.caughtUp(worker)
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
  await until(
    `the worker says ${code}`,
    () => worker.log.slice(from).some(line => line.code === code),
    120_000,
  )
}

export const settle = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))
