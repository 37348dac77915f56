// Lengths of functions. A function is measured by the lines that it holds itself: those of the functions inside it
// belong to these, so that a factory that returns ten short methods counts as short, and one long method as long.
import { lineAt } from './source.ts'

export type FunctionLength = { line: number; lines: number }

type Span = { start: number; end: number }

const closing: Readonly<Record<string, string>> = { '(': ')', '{': '}', '[': ']' }
const notMethods = /^(if|for|while|switch|catch|with|return|typeof|await|function|new|super|import)$/

/** Index after the bracket that closes the one at `open`. */
function afterBracket(code: string, open: number): number {
  const [opens, closes] = [code[open] ?? '', closing[code[open] ?? ''] ?? '']
  let depth = 0
  for (let at = open; at < code.length; at += 1) {
    if (code[at] === opens) depth += 1
    else if (code[at] === closes && (depth -= 1) === 0) return at + 1
  }
  return code.length
}

function skipSpace(code: string, at: number): number {
  while (at < code.length && /\s/.test(code[at] ?? '')) at += 1
  return at
}

/** The `{` of a body after a return type that begins at `at`, or -1 when what follows was no function after all. */
function bodyAfterType(code: string, at: number): number {
  let previous = ':'
  while (at < code.length) {
    const char = code[at] ?? ''
    if (char === '{' && !/[:|&<,(>]/.test(previous)) return at
    if (char === '{' && previous === '>' && code[at - 2] !== '=' && !/=>\s*$/.test(code.slice(Math.max(0, at - 4), at))) return at
    if (/[;)}=]/.test(char) && code.slice(at, at + 2) !== '=>') return -1
    if (char in closing) {
      at = afterBracket(code, at)
      // An object type ends, or goes on with one of these; anything else was an object after a conditional's colon.
      if (char === '{' && !/[{|&[>,]/.test(code[skipSpace(code, at)] ?? '')) return -1
      previous = ')'
      continue
    }
    if (!/\s/.test(char)) previous = char
    at += 1
  }
  return -1
}

function bodyAfterParameters(code: string, open: number): number {
  const at = skipSpace(code, afterBracket(code, open))
  if (code[at] === '{') return at
  return code[at] === ':' ? bodyAfterType(code, at + 1) : -1
}

/** Where bodies in braces begin: after `=>`, after `function`, and after a method's parameters. */
function findBodies(code: string): Map<number, number> {
  const bodies = new Map<number, number>()
  for (const { index, 0: text } of code.matchAll(/=>\s*\{/g)) bodies.set(index + text.length - 1, index)
  for (const { index, 0: text, 1: name = '' } of code.matchAll(/([\w$\]]+)\s*(?:<[^<>()]*>)?\s*\(/g)) {
    const isFunction = name === 'function' || /\bfunction\s*\*?\s*$/.test(code.slice(Math.max(0, index - 20), index))
    if (!isFunction && (notMethods.test(name) || code[index - 1] === '.')) continue
    const body = bodyAfterParameters(code, index + text.length - 1)
    if (body >= 0) bodies.set(body, index)
  }
  return bodies
}

/** Length in lines of each function in the code (comments and strings blanked), its inner functions taken out. */
export function functionLengths(code: string): FunctionLength[] {
  const spans: Span[] = [...findBodies(code)].map(([body, start]) => ({ start, end: afterBracket(code, body) }))
  spans.sort((a, b) => a.start - b.start || b.end - a.end)
  const lines = spans.map(({ start, end }) => lineAt(code.slice(start, end), end - start))
  return spans.map((span, number) => {
    // Direct children only: their own children are inside them.
    let inner = 0
    let until = span.start
    for (let at = number + 1; at < spans.length && (spans[at]?.start ?? Infinity) < span.end; at += 1) {
      const child = spans[at]
      if (child === undefined || child.start < until) continue
      inner += (lines[at] ?? 1) - 1
      until = child.end
    }
    return { line: lineAt(code, span.start), lines: (lines[number] ?? 0) - inner }
  })
}
