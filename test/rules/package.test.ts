import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseSources, ROOT, readSources, SHIPPED } from './source.ts'

const SECTIONS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'] as const

type Package = { readonly [section in (typeof SECTIONS)[number]]?: Readonly<Record<string, string>> }

/** Dependencies whose version is not one exact version, as `name: version`. */
function looseVersions(manifest: Package): string[] {
  return SECTIONS.flatMap(section => Object.entries(manifest[section] ?? {}))
    .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `${name}: ${version}`)
}

describe('dependencies', () => {
  it('are pinned to one version each', () => {
    assert.deepEqual(looseVersions(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))), [])
  })
})

describe('what the package ships', () => {
  it('imports only what is installed with it', () => {
    const manifest: Package = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
    const names = Object.keys(manifest.dependencies ?? {})
    const missing = parseSources(readSources())
      .filter(({ path }) => SHIPPED.some(folder => path.startsWith(`${folder}/`)))
      .flatMap(({ imports }) => imports.filter(isPackage))
      .filter(specifier => !names.some(name => specifier === name || specifier.startsWith(`${name}/`)))
    assert.deepEqual(missing, [])
  })
})

function isPackage(specifier: string): boolean {
  return !specifier.startsWith('node:') && !specifier.endsWith('.ts')
}

describe('the rule on dependencies', () => {
  for (const version of [
    '^1.2.3',
    '~1.2.3',
    '1.2',
    '1.x',
    '*',
    'latest',
    '>=1.2.3',
    'git+https://example.org/x',
  ]) {
    it(`refuses ${version}`, () => {
      assert.deepEqual(looseVersions({ devDependencies: { x: version } }), [`x: ${version}`])
    })
  }

  it('allows exact versions, of previews too', () => {
    assert.deepEqual(looseVersions({ dependencies: { x: '1.2.3', y: '2.0.0-beta.1' } }), [])
  })
})
