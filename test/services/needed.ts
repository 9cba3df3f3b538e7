import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { isServiceName, type ServiceName } from './index.ts'

/**
 * The shared servers that these files ask for, themselves or in what they import: the names in `service('NAME')`.
 * One that is asked for in another way is started by the test's own process.
 */
export function neededServices(files: readonly string[]): (ServiceName | 'postgres')[] {
  const names = new Set<ServiceName | 'postgres'>()
  const seen = new Set(files)
  for (const file of seen) {
    const text = readFileSync(file, 'utf8')
    for (const [, name = ''] of text.matchAll(/\bservice\('(\w+)'\)/g))
      if (isServiceName(name)) names.add(name)
    for (const [, path = ''] of text.matchAll(/(?:from|import) '(\.[^']+\.ts)'/g)) {
      const imported = resolve(dirname(file), path)
      if (existsSync(imported)) seen.add(imported)
    }
  }
  return [...names]
}
