import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { functionLengths } from './check/functions.ts'
import { blankOut } from './check/source.ts'
import { checkSize } from './check-size.ts'

function offencesIn(files: Record<string, string>): string[] {
  const root = mkdtempSync(join(tmpdir(), 'coffer-size-'))
  try {
    mkdirSync(join(root, 'packages'))
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true })
      writeFileSync(join(root, path), text)
    }
    return checkSize(root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

const statements = (count: number): string => '  work()\n'.repeat(count)
const imports = (count: number, keyword = 'import'): string =>
  Array.from({ length: count }, (_, n) => `${keyword} { a${n} } from './a${n}.ts'\n`).join('')

test('a file of 500 lines is accepted and one of 501 is not', () => {
  assert.deepEqual(offencesIn({ 'packages/server/src/lib/a.ts': '// x\n'.repeat(500) }), [])
  assert.deepEqual(offencesIn({ 'packages/server/src/lib/a.ts': '// x\n'.repeat(501) }), ['packages/server/src/lib/a.ts: 501 lines, at most 500'])
})

test('a function of 60 lines is accepted and one of 61 is not', () => {
  assert.deepEqual(offencesIn({ 'packages/cli/src/a.ts': `function f() {\n${statements(58)}}\n` }), [])
  assert.deepEqual(offencesIn({ 'packages/cli/src/a.ts': `\nfunction f() {\n${statements(59)}}\n` }), ['packages/cli/src/a.ts:2: a function of 61 lines, at most 60'])
})

test('fifteen value imports are accepted and sixteen are not, types and the wiring aside', () => {
  assert.deepEqual(offencesIn({ 'packages/cli/src/a.ts': imports(15) + imports(20, 'import type') }), [])
  assert.equal(offencesIn({ 'packages/cli/src/a.ts': imports(16) }).length, 1)
  assert.deepEqual(offencesIn({ 'packages/server/src/compose.ts': imports(40) }), [])
})

test('a folder holds at most twenty files, tests not counted', () => {
  const files = (count: number, ending: string): Record<string, string> =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`packages/cli/src/f${n}${ending}`, '']))
  assert.deepEqual(offencesIn({ ...files(20, '.ts'), ...files(20, '.test.ts') }), [])
  assert.deepEqual(offencesIn(files(21, '.ts')), ['packages/cli/src: 21 files, at most 20 (tests not counted)'])
})

const shapes: [title: string, head: string, tail: string][] = [
  ['a declaration', 'function f(a: { b: string }): Promise<{ c: number }> {', '}'],
  ['an object type as result', 'function f(a: number): { c: number; d(): void } {', '}'],
  ['a union of object types as result', 'function f(): { a: 1 } | { b: 2 } {', '}'],
  ['a function type as result', 'function f(): (x: number) => void {', '}'],
  ['a generator', 'async function* f<T extends object>(this: Foo, a: T): AsyncGenerator<string> {', '}'],
  ['an arrow', 'const f = async (a: number): Promise<void> => {', '}'],
  ['a function expression', 'const f = function (a: number) {', '}'],
  ['a type guard', 'function isA(a: unknown): a is A {', '}'],
  ['a method', 'const o = { m(a: number): string[] {', '} }'],
  ['a class method', 'class C { private async m(a = { b: 1 }): Promise<void> {', '} }'],
  ['a constructor', 'class C { constructor(a: number) {', '} }'],
  ['a getter', 'class C { get m(): number {', '} }'],
  ['braces in text', "function f() { const s = '}' + `}` + String(/}/) // }", '}'],
]
for (const [title, head, tail] of shapes) {
  test(`the length of ${title} is found`, () => {
    assert.deepEqual(functionLengths(blankOut(`\n${head}\n${statements(8)}${tail}\n`)), [{ line: 2, lines: 10 }])
  })
}

test('what is no function is not measured', () => {
  const code = 'if (a) {\n}\nfor (const a of b()) {\n}\nconst x = y(1) ? f(2) : { a: 1 }\nswitch (f(x)) {\n case g(1): {\n }\n}\ntype T = { m(a: number): string }\n'
  assert.deepEqual(functionLengths(blankOut(code)), [])
})

test('lines of inner functions count for these and not for the outer one', () => {
  const code = `function outer() {\n${statements(3)}  const inner = () => {\n${statements(5)}  }\n  return { method() {\n${statements(7)}  } }\n}\n`
  assert.deepEqual(functionLengths(blankOut(code)).map(({ lines }) => lines), [7, 7, 9])
})
