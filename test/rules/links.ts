import { posix } from 'node:path'
import type { Texts } from './source.ts'

/** `[text](target)` and `[name]: target`, but not in code. */
const LINKS = /\]\(([^)\s]+)(?:\s+"[^"]*")?\)|^\[[^\]]+\]:\s*(\S+)/gm
const CODE = /^(```|~~~)[\s\S]*?^\1|`[^`\n]*`/gm

/** Links of Markdown files to files that do not exist, as `path -> target`. */
export function brokenLinks(texts: Texts, exists: (path: string) => boolean): string[] {
  return Object.entries(texts).flatMap(([path, text]) =>
    linksOf(text)
      .filter(target => !exists(posix.join(posix.dirname(path), decodeURIComponent(target))))
      .map(target => `${path} -> ${target}`),
  )
}

/** Targets inside the repository, without their fragments. */
function linksOf(text: string): string[] {
  return Array.from(text.replace(CODE, '').matchAll(LINKS), ([, inline, named]) => inline ?? named ?? '')
    .filter(target => !/^([a-z][a-z+.-]*:|#)/i.test(target))
    .map(target => target.replace(/[#?].*$/, ''))
}
