import type { Texts } from './source.ts'

/** A word that may not be in the repository, and why. Put together from parts, so that this file passes too. */
const FORBIDDEN: readonly (readonly [pattern: RegExp, why: string])[] = [
  [new RegExp(`${'(?<![\\w.~-])/'}(work|root|home|Users)/`), 'a path of one machine'],
  [new RegExp(`\\.\\./${'shared'}\\b`), 'a path outside the repository'],
  [new RegExp(hosts('registry.npmjs', 'registry.yarnpkg', 'npm.pkg.github')), 'a package registry'],
  [new RegExp(hosts('repo1.maven', 'repo.maven', 'maven.apache', 'central.sonatype')), 'a package registry'],
  [new RegExp(hosts('pypi', 'files.pythonhosted', 'deb.debian', 'archive.ubuntu')), 'a package registry'],
  [
    new RegExp(`${'TO'}DO|${'FIX'}ME|${'@ts-'}(ignore|nocheck|expect-error)|${'biome-'}ignore`),
    'work put off',
  ],
]

function hosts(...names: string[]): string {
  return names.map(name => `\\b${name.replace('.', '\\.')}\\.\\w+`).join('|')
}

/** Lines that hold a forbidden word, as `path:line: why`. */
export function wordViolations(texts: Texts): string[] {
  return Object.entries(texts).flatMap(([path, text]) =>
    text
      .split('\n')
      .flatMap((line, i) =>
        FORBIDDEN.filter(([pattern]) => pattern.test(line)).map(([, why]) => `${path}:${i + 1}: ${why}`),
      ),
  )
}
