// HCL 1, the subset that policies use: what it reads, what it refuses, and that no text makes it do anything else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hclFromJson, parseHcl, type HclItem, type HclValue } from './parse.ts'
import { HclError, maxHclBytes, tokenize } from './tokens.ts'

const simple = (value: HclValue): unknown => {
  if (value === null || typeof value !== 'object') return value
  if (value.kind === 'list') return value.values.map(simple)
  return value.items.map((item) => [item.key, ...item.labels, simple(item.value)])
}

const read = (text: string): unknown => simple(parseHcl(text))

test('an empty text is an empty document', () => {
  assert.deepEqual(read(''), [])
  assert.deepEqual(read(' \n\t\r\n'), [])
})

test('blocks, labels, attributes, lists and objects are read', () => {
  const text = `
    name = "ops"
    path "secret/*" {
      capabilities = ["read", "list"]
      allowed_parameters = { "key" = ["a", 1, true], other = [] }
      max_wrapping_ttl = 90
    }`
  assert.deepEqual(read(text), [
    ['name', 'ops'],
    ['path', 'secret/*', [
      ['capabilities', ['read', 'list']],
      ['allowed_parameters', [['key', ['a', 1, true]], ['other', []]]],
      ['max_wrapping_ttl', 90],
    ]],
  ])
})

test('keys may be quoted and blocks may be written as attributes', () => {
  assert.deepEqual(read('"path" "a" {}'), [['path', 'a', []]])
  assert.deepEqual(read('path = { "a" = {} }'), [['path', [['a', []]]]])
})

test('repeated keys are kept in their order, because their meaning is not for the syntax to settle', () => {
  assert.deepEqual(read('path "a" {}\npath "a" {}'), [['path', 'a', []], ['path', 'a', []]])
})

for (const [name, text] of [
  ['a hash comment', 'a = 1 # one\n'],
  ['a slash comment', '// first\na = 1'],
  ['a block comment', '/* a = 2\n b = 3 */ a = 1'],
  ['a comment inside a list', '/**/a/**/=/* x */1'],
  ['a comment that ends the text', 'a = 1 //'],
] as const) {
  test(`${name} is skipped`, () => assert.deepEqual(read(text), [['a', 1]]))
}

test('a comment sign within a string is text', () => {
  assert.deepEqual(read('a = "x # y // z /* w */"'), [['a', 'x # y // z /* w */']])
})

for (const [text, value] of [
  ['"plain"', 'plain'],
  ['""', ''],
  [String.raw`"a\"b\\c\nd\re\tf"`, 'a"b\\c\nd\re\tf'],
  [String.raw`"\u00e9\U0001F511"`, 'é🔑'],
  ['"ünïcödé"', 'ünïcödé'],
  ['"{{identity.entity.id}}"', '{{identity.entity.id}}'],
  ['0', 0],
  ['-12', -12],
  ['3.25', 3.25],
  ['1e3', 1000],
  ['true', true],
  ['false', false],
  ['[]', []],
  ['[1, 2,]', [1, 2]],
  ['[[1], ["a"]]', [[1], ['a']]],
] as const) {
  test(`the value ${text} is read`, () => assert.deepEqual(read(`a = ${text}`), [['a', value]]))
}

for (const [name, text, message] of [
  ['a string that is not closed', 'a = "x', /line 1: a string is not closed/],
  ['a string broken by a line end', 'a = "x\ny"', /a string is not closed/],
  ['a control character in a string', 'a = "x\u0001"', /control character/],
  ['an unknown escape', 'a = "\\q"', /unknown escape/],
  ['an escape beyond Unicode', 'a = "\\U00110000"', /unknown escape/],
  ['half a character', 'a = "\\ud800"', /not valid Unicode/],
  ['interpolation', 'a = "${b}"', /interpolation/],
  ['a heredoc', 'a = <<EOF\nx\nEOF', /heredocs/],
  ['a comment that is not closed', '\n/* a', /line 2: a comment/],
  ['a missing value', 'a =', /expected a value, found the end of the text/],
  ['a bare word as a value', 'a = b', /expected a value, found "b"/],
  ['a missing name', '= 1', /expected a name/],
  ['a name alone', 'a', /expected = or \{/],
  ['a label before an equals sign', 'a "b" = 1', /label and also an =/],
  ['too many labels', 'a "b" "c" "d" "e" "f" "g" {}', /too many labels/],
  ['a block that is not closed', 'a {', /expected a name/],
  ['a brace that nothing opened', '}', /expected a name/],
  ['a list that is not closed', 'a = [1', /expected , or \]/],
  ['two commas in a list', 'a = [1,,2]', /expected a value/],
  ['a colon', 'a: 1', /unexpected character ":"/],
  ['a number with letters', 'a = 12x', /unexpected character/],
  ['a number too large', 'a = 1e999', /too large/],
  ['a byte order mark', '\ufeffa = 1', /unexpected character/],
  ['a NUL', 'a\u0000 = 1', /unexpected character/],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(() => parseHcl(text), (error) => error instanceof HclError && message.test(error.message))
  })
}

test('an error names the line it is on', () => {
  assert.throws(() => parseHcl('a = 1\n\n/* x\n */ b = ?'), (error) => error instanceof HclError && error.line === 4)
})

test('nesting is bounded in both notations', () => {
  const deep = `a = ${'['.repeat(40)}${']'.repeat(40)}`
  assert.throws(() => parseHcl(deep), /nested deeper/)
  assert.throws(() => parseHcl(`${'a { '.repeat(40)}${'}'.repeat(40)}`), /nested deeper/)
  let json: unknown = 1
  for (let depth = 0; depth < 40; depth += 1) json = [json]
  assert.throws(() => hclFromJson(json), /nested deeper/)
})

test('size is bounded, and so is the number of tokens', () => {
  assert.throws(() => parseHcl(' '.repeat(maxHclBytes + 1)), /longer than/)
  assert.throws(() => parseHcl('['.repeat(70_000)), /more than/)
})

test('a long string and a long comment cost no more than their length', () => {
  const long = 'x'.repeat(200_000)
  assert.deepEqual(read(`a = "${long}"`), [['a', long]])
  assert.deepEqual(read(`/*${'*'.repeat(200_000)}*/`), [])
  assert.deepEqual(read(`a = "${'\\n'.repeat(60_000)}"`), [['a', '\n'.repeat(60_000)]])
})

test('tokens end with one that says so', () => {
  assert.deepEqual(tokenize('a').map((token) => token.kind), ['word', 'end'])
})

test('JSON gives the same tree as HCL', () => {
  const json = { path: { 'a/*': { capabilities: ['read'], max_wrapping_ttl: '1h' } }, name: 'x' }
  const hcl = 'path = { "a/*" = { capabilities = ["read"], max_wrapping_ttl = "1h" } }\nname = "x"'
  assert.deepEqual(simple(hclFromJson(json)), read(hcl))
})

test('what is no JSON value is refused', () => {
  assert.throws(() => hclFromJson({ a: undefined }), HclError)
  assert.throws(() => hclFromJson(Symbol('x')), HclError)
})

// ── Properties ──────────────────────────────────────────────────────────────

const seeds = [
  'path "secret/*" { capabilities = ["read", "list"] }',
  'path "a/+/b" {\n  policy = "write" # old\n  allowed_parameters = { "*" = [] }\n}\n',
  '/* c */ name = "x" // d\npath "p" { expiration = "2030-01-01T00:00:00Z" min_wrapping_ttl = 10 }',
]
const shards = ['"', '\\', '{', '}', '[', ']', '=', ',', '#', '//', '/*', '*/', '\n', '${', '{{', '<<', '\u0000', '\ud800', 'é', '9', '-', '.', 'path', 'true']

const mutated = fc.tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(200), fc.nat(12), fc.constantFrom(...shards)), { maxLength: 6 }))
  .map(([seed, edits]) => edits.reduce((text, [at, cut, shard]) => text.slice(0, at) + shard + text.slice(at + cut), seed))

test('any text either parses or is refused by an HclError', () => {
  let parsed = 0
  const check = (text: string): void => {
    try {
      parseHcl(text)
      parsed += 1
    } catch (error) {
      assert.ok(error instanceof HclError, `threw ${String(error)}`)
    }
  }
  fc.assert(fc.property(mutated, check), { numRuns: 20_000 })
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), check), { numRuns: 5_000 })
  fc.assert(fc.property(fc.array(fc.constantFrom(...shards), { maxLength: 60 }).map((parts) => parts.join(' ')), check), { numRuns: 10_000 })
  assert.ok(parsed > 100, 'some mutations must survive, or the fuzzing reaches nothing behind the tokens')
})

const printed = (value: HclValue): string => {
  if (value === null) return '""'
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (value.kind === 'list') return `[${value.values.map(printed).join(', ')}]`
  return `{ ${value.items.map(printItem).join('\n')} }`
}
const printItem = (item: HclItem): string => `${JSON.stringify(item.key)} = ${printed(item.value)}`

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((each) => each.isWellFormed() && !each.includes('${') && !/[\u0000-\u001f\u007f]/.test(each))
const tree = fc.letrec<{ value: HclValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    text,
    fc.integer(),
    fc.boolean(),
    fc.array(tie('value'), { maxLength: 4 }).map((values): HclValue => ({ kind: 'list', values })),
    fc.array(fc.tuple(text, tie('value')), { maxLength: 4 })
      .map((items): HclValue => ({ kind: 'object', items: items.map(([key, value]) => ({ key, labels: [], value, line: 0 })) })),
  ),
})).value

test('what is printed is read back the same', () => {
  fc.assert(fc.property(text, tree, (key, value) => {
    assert.deepEqual(read(`${JSON.stringify(key)} = ${printed(value)}`), [[key, simple(value)]])
  }), { numRuns: 3_000 })
})
