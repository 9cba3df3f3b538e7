import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('../../bin/tributary.ts', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly lines: readonly string[]
  /** What it wrote to standard error. */
  readonly said: string
}

export interface CliOptions {
  /** Asked after each line of output; SIGTERM once it says so. */
  readonly isEnough?: (lines: readonly string[]) => boolean
  /** Once it has written anything like this to standard error. */
  readonly onceSaid?: { readonly pattern: RegExp; readonly act: () => Promise<unknown> }
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** Runs `tributary WORDS...` as a user would, to its end. */
export function tributary(words: readonly string[], options: CliOptions = {}): Promise<Ended> {
  const { isEnough, onceSaid, env } = options
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const lines: string[] = []
  let said = ''
  let acted: Promise<unknown> | null = null
  createInterface({ input: child.stdout }).on('line', line => {
    lines.push(line)
    if (isEnough?.(lines)) child.kill('SIGTERM')
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (onceSaid?.pattern.test(said)) acted ??= onceSaid.act()
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', async code => {
      await acted?.catch(reject)
      resolve({ code, lines, said })
    })
  })
}
