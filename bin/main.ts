// The program itself, behind `tributary.ts`, which sees to the heap first.
import { asTributaryError } from '../core/errors.ts'
import { VERSION } from '../core/version.ts'
import { checkCommand } from './commands/check.ts'
import { consumeCommand } from './commands/consume.ts'
import { runCommand } from './commands/run.ts'
import { type Invocation, parseInvocation, USAGE } from './usage.ts'

/** What a command gets of the process. Resolves to the exit code. */
async function dispatch(invocation: Invocation): Promise<number> {
  switch (invocation.command) {
    case 'run':
      return runCommand(invocation, process.env)
    case 'check':
      return checkCommand(invocation, process.env)
    case 'consume':
      return consumeCommand(invocation, process.env)
    case 'help':
      console.log(USAGE)
      return 0
    case 'version':
      console.log(VERSION)
      return 0
  }
}

try {
  process.exitCode = await dispatch(parseInvocation(process.argv.slice(2)))
} catch (thrown) {
  const error = asTributaryError(thrown)
  console.error(`tributary: ${error.code}: ${error.message}`)
  if (error.code === 'INTERNAL') console.error(error.stack)
  process.exitCode = error.code === 'CONFIG_INVALID' || error.code === 'CHECK_FAILED' ? 2 : 1
}
// What clients leave behind, such as timers and connections that nobody answers, must not hold the process for
// seconds; what it has printed must get out.
process.stdout.on('error', () => process.exit())
process.stdout.write('', () => process.exit())
