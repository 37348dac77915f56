import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCofferError } from '../../../kernel/errors.ts'
import { makePassword } from './generate.ts'
import { parsePasswordPolicy } from './parse.ts'

const HCL = `
length = 20
rule "charset" {
  charset = "abcdefghijklmnopqrstuvwxyz"
  min-chars = 1
}
rule "charset" { charset = "0123456789" min-chars = 3 }
rule "charset" { charset = "!@#$%" }
`

const refusal = (text: string): string => {
  try {
    parsePasswordPolicy(text)
  } catch (error) {
    assert.ok(isCofferError(error) && error.kind === 'invalid_request', String(error))
    return error.message
  }
  return assert.fail('it was taken')
}

test('HCL and both forms of JSON say the same', () => {
  const fromHcl = parsePasswordPolicy(HCL)
  assert.deepEqual({ length: fromHcl.length, rules: fromHcl.rules.map(({ charset, minChars }) => [charset.join(''), minChars]) }, { length: 20, rules: [['abcdefghijklmnopqrstuvwxyz', 1], ['0123456789', 3], ['!@#$%', 0]] })
  const body = [{ charset: 'ab', 'min-chars': 1 }, { charset: 'cd' }]
  const expected = { length: 4, rules: [{ charset: ['a', 'b'], minChars: 1 }, { charset: ['c', 'd'], minChars: 0 }] }
  assert.deepEqual(parsePasswordPolicy(JSON.stringify({ length: 4, rule: body.map((charset) => ({ charset: [charset] })) })), expected)
  assert.deepEqual(parsePasswordPolicy(JSON.stringify({ length: 4, rule: body.map((charset) => ({ charset })) })), expected)
})

test('what no password can meet, or nobody can mean, is refused with what is wrong', () => {
  assert.match(refusal(''), /length must be > 0/)
  assert.match(refusal('length = 20'), /no charset/)
  assert.match(refusal('length = 5 rule "charset" { charset = "ab" min-chars = 6 }'), /require at least 6 characters but 5/)
  assert.match(refusal('length = 3 rule "charset" { charset = "ab" }'), /between 4 and 100/)
  assert.match(refusal('length = 101 rule "charset" { charset = "ab" }'), /between 4 and 100/)
  assert.match(refusal('length = 8 rule "charset" { charset = "" }'), /at least one character/)
  assert.match(refusal('length = 8 rule "charset" { charset = "a\\u0007" }'), /non-printable/)
  assert.match(refusal('length = 8 rule "pwned" { charset = "ab" }'), /unknown rule type "pwned"/)
  assert.match(refusal('length = 8 length = 9 rule "charset" { charset = "ab" }'), /more than once/)
  assert.match(refusal('length = 8 rule "charset" { charset = "ab" min-chars = -1 }'), /whole number/)
  assert.match(refusal('size = 8'), /unknown name "size"/)
  assert.match(refusal('length = 8 rule "charset" {'), /line 1/)
  assert.match(refusal('{"length": 8,'), /invalid password policy/)
})

test('any text is a policy or a refusal, never another error', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json(), fc.string().map((text) => HCL + text)), (text) => {
    try {
      parsePasswordPolicy(text)
    } catch (error) {
      assert.ok(isCofferError(error) && error.kind === 'invalid_request', String(error))
    }
  }))
})

test('a password has the length, only characters of the sets, and of each what its rule asks for', () => {
  const charset = fc.uniqueArray(fc.constantFrom(...'abcdefXYZ0123456789-_é😀'), { minLength: 1 })
  fc.assert(fc.property(fc.array(fc.record({ charset, minChars: fc.nat(8) }), { minLength: 1, maxLength: 5 }), fc.integer({ min: 40, max: 100 }), (rules, length) => {
    const made = [...makePassword({ length, rules })]
    assert.equal(made.length, length)
    const all = new Set(rules.flatMap((rule) => rule.charset))
    assert.ok(made.every((character) => all.has(character)))
    for (const rule of rules) assert.ok(made.filter((character) => rule.charset.includes(character)).length >= rule.minChars)
  }))
})

test('required characters can stand anywhere', () => {
  const policy = parsePasswordPolicy('length = 8 rule "charset" { charset = "a" min-chars = 1 } rule "charset" { charset = "bcdefghij" min-chars = 7 }')
  const places = new Set(Array.from({ length: 2000 }, () => makePassword(policy).indexOf('a')))
  assert.equal(places.size, 8)
})
