import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseYaml, YamlError } from './yaml.ts'

test('a document becomes its value; integers keep every digit', () => {
  assert.deepEqual(parseYaml('a: 1\nb: [x, true]\nc: 12345678901234567890123'), { a: 1n, b: ['x', true], c: 12345678901234567890123n })
})

for (const [what, text] of [
  ['a broken document', 'a: [1'],
  ['a key that stands twice', 'a: 1\na: 2'],
  ['a key that stands twice further in', 'x:\n  a: 1\n  a: 2'],
  ['a bomb of aliases', `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[i]}`).join(', ')}]`).join('\n')}`],
] as const) {
  test(`${what} is refused, and nothing of it is repeated`, () => {
    assert.throws(() => parseYaml(text), (error) => error instanceof YamlError && error.message === 'The text is not YAML' && error.cause === undefined)
  })
}

test('many keys are read in time that grows with their number', () => {
  const text = Array.from({ length: 20_000 }, (_, i) => `k${i}: v`).join('\n')
  assert.equal(Object.keys(parseYaml(text) as object).length, 20_000)
})
