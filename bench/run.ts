// npm run bench -- postgres [--changes 1000000] [--runs 3] [--only drain,latency,idle]
import { parseArgs } from 'node:util'
import { stopServices } from '../test/services/index.ts'
import { benchPostgres } from './postgres/bench.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    changes: { type: 'string', default: '1000000' },
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '15' },
    only: { type: 'string', default: 'drain,latency,idle' },
  },
})

try {
  if (positionals[0] !== 'postgres') throw new Error('which one? npm run bench -- postgres')
  await benchPostgres({
    changes: Number(values.changes),
    runs: Number(values.runs),
    seconds: Number(values.seconds),
    only: values.only.split(','),
  })
} catch (error) {
  console.error(error instanceof Error ? error.stack : error)
  process.exitCode = 1
} finally {
  await stopServices()
}
