import { readFileSync } from 'node:fs'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Puts environment variables (`${NAME}`) and files (`${file:/run/secrets/NAME}`, without the line end) into a
 * setting. `$${` stands for `${`. Each thing that is missing is told to `report`.
 */
export function interpolate(
  text: string,
  environment: Environment,
  report: (problem: string) => void,
): string {
  return text.replace(/\$(\$)?\{([^}]*)\}/g, (whole, escaped: string | undefined, name: string) => {
    if (escaped) return whole.slice(1)
    if (name.startsWith('file:')) return readSecret(name.slice('file:'.length), report)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      report(`\${${name}} is neither \${NAME} nor \${file:PATH}`)
      return ''
    }
    const value = environment[name]
    if (value === undefined) report(`environment variable ${name} is not set`)
    return value ?? ''
  })
}

function readSecret(path: string, report: (problem: string) => void): string {
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    report(`file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
    return ''
  }
}
