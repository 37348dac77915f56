// Documents: what is written is read back as it was, and hostile ones cost no more than their size.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { formatDocument, parseDocument, type DocumentFormat } from './documents.ts'

const env = (content: string) => Object.fromEntries(parseDocument('env', content))
const bad = { kind: 'invalid_request', code: 'sync.bad_document', field: 'content' }
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,12}$/)
const anyText = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom('"', "'", '`', '\\', '\n', '\r', '\t', ' ', '#', '$', '=', 'a', '\u0000', '\u2028', '{', '}', '0') }))

for (const format of ['env', 'json', 'yaml'] as const satisfies readonly DocumentFormat[]) {
  test(`any text comes back from ${format} as it was`, () => {
    fc.assert(
      fc.property(fc.dictionary(name, anyText, { maxKeys: 6 }), (values) => {
        const before = new Map(Object.entries(values))
        const document = formatDocument(format, before)
        assert.deepEqual(Object.fromEntries(before.size === 0 && format !== 'env' ? parseDocument(format, '{}') : parseDocument(format, document)), Object.fromEntries(before))
      }),
      { numRuns: 400 },
    )
  })
  test(`whatever is no ${format} is a 400, never another error`, () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('A', '=', '"', "'", '\\', '\n', ' ', '#', '{', '}', '[', ']', ':', ',', '&', '*', '!', '|', '>', '-', '?', '1') })), (content) => {
        try {
          for (const [key, value] of parseDocument(format, content)) assert.deepEqual([typeof key, typeof value], ['string', 'string'])
        } catch (error) {
          assert.equal((error as { code?: string }).code, 'sync.bad_document', String(error))
        }
      }),
      { numRuns: 1000 },
    )
  })
}

describe('.env', () => {
  test('assignments, with and without export, quotes and spaces', () => {
    assert.deepEqual(env('A=1\nexport B=2\n  C = 3 \nD=\nE=a=b\nF.g-h=x'), { A: '1', B: '2', C: '3', D: '', E: 'a=b', 'F.g-h': 'x' })
  })
  test('a byte order mark and Windows line ends are passed over', () => assert.deepEqual(env('\ufeffA=1\r\nB="x"\r\n'), { A: '1', B: 'x' }))
  test('a comment needs white space before it', () => assert.deepEqual(env('# all\n  # this\nA=1 # one\nB=a#b\nC= # nothing\nD=#x\nE="x # y" # z'), { A: '1', B: 'a#b', C: '', D: '#x', E: 'x # y' }))
  test('single quotes and backticks keep everything', () => assert.deepEqual(env("A='$x \\n'\nB=`\"'`"), { A: '$x \\n', B: `"'` }))
  test('double quotes know escapes, and others stay', () => assert.deepEqual(env('A="\\n\\r\\t\\"\\\\\\$\\x"'), { A: '\n\r\t"\\$\\x' }))
  test('quoted values go over lines', () => assert.deepEqual(env('A="one\ntwo"\nB=\'a\n\nb\'\nC=1'), { A: 'one\ntwo', B: 'a\n\nb', C: '1' }))
  test('nothing is expanded', () => assert.deepEqual(env('A=$HOME\nB="${A}"'), { A: '$HOME', B: '${A}' }))
  test('what is wrong is named by its line and nothing else', () => {
    for (const [content, line] of [['A=1\nswordfish', 2], ['A="swordfish', 1], ['A="swordfish" x', 1], ['A=1\nA=swordfish', 2], ['1A=swordfish', 1], ['=swordfish', 1]] as const) {
      assert.throws(() => env(content), (error: Error & { code?: string }) => {
        assert.equal(error.code, bad.code)
        assert.ok(!error.message.includes('swordfish') && error.message.includes(`line ${line}`), error.message)
        return true
      })
    }
  })
  test('a document of a megabyte of anything is read in one go', () => {
    const size = 1_000_000
    for (const piece of [' ', '\n', '\t ', 'A', '#', "'", '"', '\\"', ' #', '""\n', '"\n']) {
      try {
        parseDocument('env', `A=x ${piece.repeat(size / piece.length)}`)
        parseDocument('env', `A="${piece.repeat(size / piece.length)}`)
      } catch (error) {
        assert.equal((error as { code?: string }).code, bad.code)
      }
    }
  })
})

describe('JSON and YAML', () => {
  test('scalars become text, numbers keep every digit, objects their JSON', () => {
    assert.deepEqual(Object.fromEntries(parseDocument('json', '{"n":12345678901234567890123,"f":0.1,"b":true,"z":null,"o":{"a":[1]}}')), { n: '12345678901234567890123', f: '0.1', b: 'true', z: '', o: '{"a":[1]}' })
    assert.deepEqual(Object.fromEntries(parseDocument('yaml', 'n: 12345678901234567890123\nb: true\nz:\no: {a: [12345678901234567890]}\nt: "007"\n')), { n: '12345678901234567890123', b: 'true', z: '', o: '{"a":[12345678901234567890]}', t: '007' })
  })
  test('names that an object has by itself are names', () => {
    for (const format of ['json', 'yaml'] as const) {
      const values = new Map([['__proto__', 'a'], ['constructor', 'b'], ['toString', 'c'], ['10', 'd']])
      assert.deepEqual(new Map([...parseDocument(format, formatDocument(format, values))].toSorted()), new Map([...values].toSorted()))
    }
  })
  test('anything but one object is refused', () => {
    for (const format of ['json', 'yaml'] as const) for (const content of ['[]', '"x"', '1', 'null', 'true']) assert.throws(() => parseDocument(format, content), bad)
    for (const content of ['', '{"a":1,"a":2}', '{a:1}', '{"a":1} x']) assert.throws(() => parseDocument('json', content), bad)
    for (const content of ['a: 1\na: 2', 'a: [', 'a: &x [*x]', 'a: *b', '--- {}\n--- {}', '\ta: 1']) assert.throws(() => parseDocument('yaml', content), bad, content)
  })
  test('a few lines of YAML cannot stand for gigabytes', () => {
    const lines = ['a: &a [x,x,x,x,x,x,x,x,x,x]', ...Array.from({ length: 8 }, (_, i) => `${'bcdefghi'[i] ?? ''}: &${'bcdefghi'[i] ?? ''} [${`*${'abcdefgh'[i] ?? ''},`.repeat(10)}]`)]
    assert.throws(() => parseDocument('yaml', lines.join('\n')), bad)
  })
  test('more than four megabytes are not looked at', () => assert.throws(() => parseDocument('json', ' '.repeat(4 * 1024 * 1024 + 1)), bad))
})
