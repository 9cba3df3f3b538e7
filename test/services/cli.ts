import {
  isServiceName,
  SERVICE_NAMES,
  type Service,
  service,
  serviceVariable,
  stopServices,
} from './index.ts'

const USAGE = `Usage: npm run services -- up NAME...   starts servers, prints their URLs, stops them at Ctrl-C
       npm run services -- list         what there is

Names: ${SERVICE_NAMES.join(' ')}, and postgres for the one that is at hand.
`

/** Starts servers for a person, in the foreground. Returns the exit code. */
async function main([command, ...names]: readonly string[]): Promise<number> {
  if (command === 'list' && names.length === 0) return list()
  if (command === 'up' && names.length > 0) return up(names)
  process.stderr.write(USAGE)
  return 2
}

function list(): number {
  for (const name of SERVICE_NAMES) {
    const variable = serviceVariable(name)
    process.stdout.write(`${name.padEnd(12)}${variable}${process.env[variable] ? ' (set)' : ''}\n`)
  }
  return 0
}

async function up(names: readonly string[]): Promise<number> {
  const unknown = names.filter(name => !isServiceName(name))
  if (unknown.length > 0) {
    process.stderr.write(`There is no server named ${unknown.join(', ')}.\n\n${USAGE}`)
    return 2
  }
  const interrupted = nextInterrupt()
  const started = Promise.all(names.filter(isServiceName).map(service))
  try {
    const services = await Promise.race([started, interrupted])
    if (services !== undefined) {
      show(services)
      await interrupted
    }
    return 0
  } finally {
    await stopServices()
  }
}

function show(services: readonly Service[]): void {
  for (const { name, url } of services) process.stdout.write(`export ${serviceVariable(name)}='${url}'\n`)
  process.stderr.write('Ready. Ctrl-C stops them.\n')
}

function nextInterrupt(): Promise<undefined> {
  return new Promise(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve(undefined))
    // Neither signals nor the servers keep this process from ending.
    setInterval(() => undefined, 60_000)
  })
}

try {
  process.exit(await main(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`)
  process.exit(1)
}
