import assert from 'node:assert/strict'
import { mkdtemp, open, rm, rmdir } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { startService } from '../services/index.ts'
import { isAlive, run } from '../services/process.ts'
import { openShopScene } from '../support/shop-scene.ts'
import { says, throughFaults } from '../support/under-load.ts'
import { until } from '../support/until.ts'

const SIZE = '64m'

/** A broker that needs little room, with its data on a file system of its own. */
const smallBroker = (path: string) => ({
  'log.dirs': path,
  'log.index.size.max.bytes': '65536',
  'log.segment.bytes': '1048576',
  'offsets.topic.num.partitions': '1',
  'transaction.state.log.num.partitions': '1',
  'transaction.state.log.segment.bytes': '1048576',
})

it('waits while Kafka ends for want of disk, and goes on exactly once when there is room again', async test => {
  await using disk = await mountSmallDisk()
  if (disk === null) {
    test.skip('no file system can be mounted here (not root, or a container without CAP_SYS_ADMIN)')
    return
  }
  await using kafka = await startService('kafka', { settings: smallBroker(disk.path) })
  await using scene = await openShopScene({ kafka: kafka.url })
  const proved = await throughFaults(scene, async worker => {
    await disk.fill()
    await until('the broker ends', () => !isAlive(kafka.pid))
    await says(worker, 'KAFKA_UNREACHABLE')
    await disk.free()
    await kafka.restart()
  })
  assert.ok(proved > 100)
})

interface SmallDisk extends AsyncDisposable {
  readonly path: string
  /** To the last byte, and on, should somebody free some. */
  fill(): Promise<void>
  free(): Promise<void>
}

/** Null where that is not allowed. */
async function mountSmallDisk(): Promise<SmallDisk | null> {
  const path = await mkdtemp(join(tmpdir(), 'tributary-disk-'))
  try {
    await run({ file: 'mount', args: ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', path] })
  } catch {
    await rmdir(path)
    return null
  }
  const ballast = join(path, 'ballast')
  return {
    path,
    fill: () => writeUntilFull(ballast),
    free: () => rm(ballast),
    async [Symbol.asyncDispose]() {
      await run({ file: 'umount', args: ['-l', path] })
      await rmdir(path)
    },
  }
}

async function writeUntilFull(file: string): Promise<void> {
  await using handle = await open(file, 'a')
  for (const bytes of [1 << 20, 4_096]) {
    const block = Buffer.alloc(bytes, 1)
    const isFull = () =>
      handle.write(block).then(
        ({ bytesWritten }) => bytesWritten < bytes,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOSPC') return true
          throw error
        },
      )
    while (!(await isFull()));
  }
}
