import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
// The compiler's own parser. Its interface may change with the compiler, whose version is pinned.
import {
  isExportDeclaration,
  isImportDeclaration,
  isStringLiteral,
  type Node,
  type SourceFile as ParsedFile,
  SyntaxKind,
} from 'typescript/unstable/ast'
import type { FileSystem } from 'typescript/unstable/fs'
import { API } from 'typescript/unstable/sync'

export const ROOT = join(import.meta.dirname, '..', '..')
/** What the package ships. */
export const SHIPPED = ['bin', 'connectors', 'core', 'schemas'] as const
const FOLDERS = [...SHIPPED, 'test', 'bench', 'examples']

/** Texts by path from the root, with `/` between names. */
export type Texts = Readonly<Record<string, string>>

export interface SourceFile {
  readonly path: string
  readonly lines: number
  /** What `import` and `export ... from` name; relative ones as paths from the root. */
  readonly imports: readonly string[]
  /** All string literals, wherever they are. */
  readonly strings: readonly string[]
  readonly functions: readonly FunctionSpan[]
}

export interface FunctionSpan {
  /** First line, from 1. */
  readonly line: number
  readonly lines: number
  /** Without the bodies of the functions inside it. */
  readonly ownLines: number
}

/** The TypeScript files of this repository. */
export function readSources(): Texts {
  const paths = globSync(`{${FOLDERS.join(',')}}/**/*.ts`, { cwd: ROOT })
  return Object.fromEntries(paths.map(path => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

// One compiler for the process: starting one takes longer than parsing all our files. It sees nothing but these.
const virtualFiles = new Map<string, string>()
let compiler: API | undefined
let projects = 0

/** Parses files as they are, without looking at what they import. */
export function parseSources(texts: Texts): SourceFile[] {
  compiler ??= new API({ cwd: '/', fs: onlyVirtualFiles })
  const folder = `/${projects++}`
  const paths = Object.keys(texts)
  for (const path of paths) virtualFiles.set(`${folder}/${path}`, texts[path] as string)
  const compilerOptions = { noLib: true, noResolve: true, types: [] }
  const config = `${folder}/tsconfig.json`
  virtualFiles.set(config, JSON.stringify({ compilerOptions, files: paths }))
  const project = compiler.updateSnapshot({ openProjects: [config] }).getProject(config)
  return paths.map(path => {
    const parsed = project?.program.getSourceFile(`${folder}/${path}`)
    if (parsed === undefined) throw new Error(`the compiler does not see ${path}`)
    return describeFile(path, parsed)
  })
}

const onlyVirtualFiles: FileSystem = {
  readFile: name => virtualFiles.get(name) ?? null,
  fileExists: name => virtualFiles.has(name),
  directoryExists: () => true,
  getAccessibleEntries: () => ({ files: [], directories: [] }),
  realpath: path => path,
}

function describeFile(path: string, parsed: ParsedFile): SourceFile {
  const imports: string[] = []
  const strings: string[] = []
  const functions: FunctionSpan[] = []
  /** Returns how many lines of the node are the bodies of functions. */
  const visit = (node: Node): number => {
    if (isStringLiteral(node)) strings.push(node.text)
    const specifier =
      isImportDeclaration(node) || isExportDeclaration(node) ? node.moduleSpecifier : undefined
    if (specifier && isStringLiteral(specifier)) imports.push(fromRoot(path, specifier.text))
    let inside = 0
    node.forEachChild(child => {
      inside += visit(child)
    })
    if (!FUNCTIONS.has(node.kind)) return inside
    const line = lineOf(parsed, node.getStart(parsed))
    const lines = lineOf(parsed, node.end) - line + 1
    functions.push({ line, lines, ownLines: lines - inside })
    return lines - 1
  }
  visit(parsed)
  return { path, lines: parsed.text.trimEnd().split('\n').length, imports, strings, functions }
}

const FUNCTIONS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.FunctionExpression,
  SyntaxKind.ArrowFunction,
  SyntaxKind.MethodDeclaration,
  SyntaxKind.Constructor,
  SyntaxKind.GetAccessor,
  SyntaxKind.SetAccessor,
])

function lineOf(parsed: ParsedFile, position: number): number {
  return parsed.getLineAndCharacterOfPosition(position).line + 1
}

function fromRoot(path: string, specifier: string): string {
  return specifier.startsWith('.') ? join(dirname(path), specifier) : specifier
}
