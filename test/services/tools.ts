import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** Programs of the machine that the harness uses, and the Debian or Ubuntu package and Homebrew formula of each. */
const TOOLS = {
  mvn: { what: 'Maven', apt: 'maven', brew: 'maven' },
  npm: { what: 'npm', apt: 'npm', brew: 'node' },
  tar: { what: 'tar', apt: 'tar', brew: 'gnu-tar' },
  python3: { what: 'Python 3 with pip', apt: 'python3-pip', brew: 'python' },
  'apt-get': { what: 'a Debian system (apt-get)', apt: null, brew: null },
  'dpkg-deb': { what: 'a Debian system (dpkg-deb)', apt: null, brew: null },
} as const

export type Tool = keyof typeof TOOLS

/** Who needs a tool, and the variable that makes it unnecessary. */
export interface Needs {
  readonly name: string
  readonly variable: string
}

/** @throws Error that says how to get the first tool that is missing. */
export async function requireTools(needs: Needs, ...tools: Tool[]): Promise<void> {
  for (const tool of tools) {
    if ((await onPath(tool)) !== undefined) continue
    const { what, apt, brew } = TOOLS[tool]
    throw missing(needs, what, apt === null ? [] : [`apt-get install ${apt}`, `brew install ${brew}`])
  }
}

/** An error that names what a server needs, how to get it, and how to do without. */
export function missing(needs: Needs, what: string, commands: readonly string[]): Error {
  const ways = [...commands.map(command => `\`${command}\``), `set ${needs.variable} to a running server`]
  return new Error(`${needs.name} needs ${what}, which is not on this machine: ${ways.join(', or ')}`)
}

/** The program's full path, or undefined. */
export async function onPath(program: string): Promise<string | undefined> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const file = join(folder, program)
    if (folder !== '' && (await isExecutable(file))) return file
  }
  return undefined
}

export function isExecutable(file: string): Promise<boolean> {
  return access(file, constants.X_OK).then(
    () => true,
    () => false,
  )
}
