// Reads TypeScript just well enough for the checks: code without comments and strings, and the imports of a file.
// A scan and not a parser, so that the checks have no dependency and take a fraction of a second.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

export type Import = {
  specifier: string
  /** `import type` and `export type … from`: gone at run time. */
  isType: boolean
  /** `import('…')`: an edge, but one that is followed later. */
  isDynamic: boolean
  line: number
}

export type SourceFile = {
  /** Relative to the repository, with forward slashes. */
  path: string
  text: string
  /** The text with comments, strings and regular expressions blanked out, position by position. */
  code: string
  imports: Import[]
}

const regexMayFollow = /(^|[([{,;=:!&|?+\-*%<>~^]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))\s*$/

/** Length of the quoted text at `start`, quotes included; a backslash hides what follows it. */
function quotedLength(text: string, start: number, quote: string): number {
  let at = start + 1
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1
  return at + 1 - start
}

function regexLength(text: string, start: number): number {
  let inClass = false
  for (let at = start + 1; at < text.length && text[at] !== '\n'; at += 1) {
    const char = text[at]
    if (char === '\\') at += 1
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1 - start
  }
  return 1
}

/** Length of literal text in a template from `start`, up to and including the closing backtick or the `${`. */
function templateLength(text: string, start: number): number {
  let at = start
  while (at < text.length) {
    if (text[at] === '`') return at + 1 - start
    if (text[at] === '$' && text[at + 1] === '{') return at + 2 - start
    at += text[at] === '\\' ? 2 : 1
  }
  return at - start
}

/** How much of the text at `at` is no code, and whether it begins or ends a stretch of template. */
function blankLength(text: string, at: number, before: string): number {
  const char = text[at]
  if (char === '/' && text[at + 1] === '/') return `${text}\n`.indexOf('\n', at) - at
  if (char === '/' && text[at + 1] === '*') return (text.indexOf('*/', at + 2) + 2 || text.length) - at
  if (char === "'" || char === '"') return quotedLength(text, at, char)
  if (char === '/' && regexMayFollow.test(before.slice(-40))) return regexLength(text, at)
  return 0
}

/** Blanks everything that is not code. Quotes stay, so that an import can be found and read from the original. */
export function blankOut(text: string): string {
  const blank = (part: string): string =>
    part.startsWith('/') ? part.replace(/[^\n]/g, ' ') : part.replace(/[^\n'"`]/g, ' ').replace(/(?<=.)['"`](?=.)/gs, ' ')
  // For each open `${`, how many braces are open inside it.
  const templates: number[] = []
  let code = ''
  while (code.length < text.length) {
    const at = code.length
    const char = text[at] ?? ''
    const depth = templates.at(-1)
    const endsHole = char === '}' && depth === 0
    if (char === '`' || endsHole) {
      const length = 1 + templateLength(text, at + 1)
      if (endsHole) templates.pop()
      if (text.slice(at, at + length).endsWith('${')) templates.push(0)
      code += blank(text.slice(at, at + length))
      continue
    }
    if (depth !== undefined && (char === '{' || char === '}')) templates[templates.length - 1] = depth + (char === '{' ? 1 : -1)
    const length = Math.min(blankLength(text, at, code), text.length - at)
    code += length > 0 ? blank(text.slice(at, at + length)) : char
  }
  return code
}

const statement = /(?<![.\w$])(?:(?:import|export)\s+(type\s+(?!from\b|,))?(?:[\w$*{][^'"`;()=]*?\sfrom\s*|\*\s*from\s*|(?<=import\s+))|import\s*(\()\s*)(['"])/g

export function findImports(text: string, code: string): Import[] {
  return [...code.matchAll(statement)].map((match) => {
    const start = match.index + match[0].length
    return {
      specifier: text.slice(start, text.indexOf(match[3] ?? '', start)),
      isType: match[1] !== undefined,
      isDynamic: match[2] !== undefined,
      line: lineAt(code, match.index),
    }
  })
}

export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

export function parseSource(path: string, text: string): SourceFile {
  const code = blankOut(text)
  return { path, text, code, imports: findImports(text, code) }
}

const notOurs = /(^|\/)(node_modules|dist|dist\.[^/]+|generated)$/

/** All TypeScript files below the folders, generated and compiled ones left out. */
export function readSources(root: string, folders: readonly string[]): SourceFile[] {
  const walk = (folder: string): SourceFile[] =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return notOurs.test(path) ? [] : walk(path)
      return entry.name.endsWith('.ts') ? [parseSource(relative(root, path), readFileSync(path, 'utf8'))] : []
    })
  return folders.flatMap((folder) => walk(join(root, folder)))
}

/** Tests, their harnesses, and everything outside the packages. */
export function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || path.includes('/testing/') || !path.startsWith('packages/')
}
