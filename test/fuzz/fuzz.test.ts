import { it } from 'node:test'
import { service } from '../services/index.ts'
import { recordFetches, recordLog } from './recorded.ts'
import { fuzzWatched } from './watched.ts'

// FUZZ_SEED=N begins as an earlier run did; FUZZ_SECONDS=N goes on for longer than the minute of the whole run.

it('Damaged bytes of real servers give coded errors only, without a loop, growth, or a value told', async t => {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31))
  const seconds = Number(process.env.FUZZ_SECONDS ?? 55)
  const servers = await Promise.all([service('postgres15'), service('postgres18'), service('kafka')])
  const logs = await Promise.all(servers.slice(0, 2).map(({ url }) => recordLog(url)))
  const corpora = { log: logs.flat(), fetched: await recordFetches() }
  const { inputs, grownBytes } = await fuzzWatched({ seed, seconds, corpora })
  t.diagnostic(`FUZZ_SEED=${seed}: ${inputs} inputs, ${grownBytes} bytes kept`)
})
