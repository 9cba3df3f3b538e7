import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { TributaryError } from '../core/errors.ts'

export const USAGE = `tributary: committed row changes reach Kafka once and in order

  tributary run DIR [--sink stdout [--state FILE]]
      Runs the connectors of DIR: one YAML file per database and an optional worker.yaml.
      DIR may also be one connector's file. --sink stdout writes one JSON line per event and needs
      neither Kafka nor a registry; --state keeps the position between runs.

  tributary check DIR [--json]
      Looks at the servers that DIR names and says what is missing, with the statement that mends it.

  tributary consume TOPIC... [--from beginning|end|OFFSET|TIME] [--until end] [--key KEY] [--json]
                    [--config DIR | --brokers HOST:PORT,... --registry URL]
      Prints the events of topics. TIME is ISO 8601. Servers come from DIR, or from the flags, or from
      TRIBUTARY_BROKERS and TRIBUTARY_REGISTRY.

  tributary --help | --version

Exit codes: 0 done, or stopped on request; 1 stopped by a failure (check: warnings);
2 not started: usage, configuration or checks (check: failures).`

/** Flags and arguments of one command. */
export interface Invocation {
  readonly command: 'run' | 'check' | 'consume' | 'help' | 'version'
  readonly operands: readonly string[]
  readonly flags: Readonly<Record<string, string | boolean | undefined>>
}

const text = { type: 'string' } as const
const toggle = { type: 'boolean' } as const

const FLAGS = {
  run: { sink: text, state: text },
  check: { json: toggle },
  consume: {
    from: text,
    until: text,
    key: text,
    json: toggle,
    config: text,
    brokers: text,
    registry: text,
  },
} as const satisfies Record<string, ParseArgsOptionsConfig>

/** @throws TributaryError CONFIG_INVALID naming what is wrong and how the command is used */
export function parseInvocation(argv: readonly string[]): Invocation {
  const [command, ...rest] = argv
  if (command === undefined || command === 'help' || rest.includes('--help') || command === '--help') {
    return { command: 'help', operands: [], flags: {} }
  }
  if (command === '--version') return { command: 'version', operands: [], flags: {} }
  if (command !== 'run' && command !== 'check' && command !== 'consume') {
    throw usageError(`"${command}" is not a command`)
  }
  try {
    const { positionals, values } = parseArgs({ args: rest, options: FLAGS[command], allowPositionals: true })
    if (positionals.length === 0)
      throw new TypeError(command === 'consume' ? 'name a topic' : 'name a folder')
    if (command !== 'consume' && positionals.length > 1) throw new TypeError('name one folder')
    return { command, operands: positionals, flags: values as Invocation['flags'] }
  } catch (error) {
    throw usageError((error as Error).message)
  }
}

export function usageError(message: string): TributaryError {
  return new TributaryError('CONFIG_INVALID', `${message}\n\n${USAGE}`)
}
