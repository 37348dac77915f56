import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase62 } from '../lib/base62.ts'
import {
  batchTokenBytes, formatBatchToken, makeAccessor, makeRecoveryToken, makeServiceToken, orgShortIdOf, parseTokenShape,
} from './token-format.ts'
import vectors from './vectors/token.json' with { type: 'json' }

const shortId = fc.string({ unit: fc.constantFrom(...'09AZaz5k'), minLength: 1, maxLength: 22 })

test('frozen tokens are read for ever', () => {
  for (const v of vectors) {
    const shape = parseTokenShape(v.token)
    assert.deepEqual(shape, v.orgShortId === undefined ? { kind: v.kind } : { kind: v.kind, orgShortId: v.orgShortId })
    if (v.random !== undefined) assert.equal(decodeBase62(v.token.slice(4, 47))?.toString('hex'), v.random)
    if (v.sealed !== undefined) {
      assert.equal(batchTokenBytes(v.token)?.toString('hex'), v.sealed)
      assert.equal(formatBatchToken(Buffer.from(v.sealed, 'hex'), v.orgShortId), v.token)
    }
  }
})

test('a service token is hvs, 49 characters, and the organization unless root', () => {
  assert.match(makeServiceToken(), /^hvs\.[0-9A-Za-z]{49}$/)
  assert.match(makeServiceToken('a1B2c'), /^hvs\.[0-9A-Za-z]{49}\.a1B2c$/)
  assert.match(makeRecoveryToken(), /^hvr\.[0-9A-Za-z]{49}$/)
})

test('what is made is recognised with its kind and organization', () => {
  fc.assert(fc.property(fc.option(shortId, { nil: undefined }), fc.uint8Array({ minLength: 1, maxLength: 300 }), (org, sealed) => {
    const where = org === undefined ? {} : { orgShortId: org }
    assert.deepEqual(parseTokenShape(makeServiceToken(org)), { kind: 'service', ...where })
    const batch = formatBatchToken(Buffer.from(sealed), org)
    assert.deepEqual(parseTokenShape(batch), { kind: 'batch', ...where })
    assert.deepEqual(batchTokenBytes(batch), Buffer.from(sealed))
    assert.equal(orgShortIdOf(makeAccessor(org)), org)
  }))
  assert.deepEqual(parseTokenShape(makeRecoveryToken()), { kind: 'recovery' })
})

test('tokens and accessors do not repeat', () => {
  assert.equal(new Set(Array.from({ length: 2_000 }, () => makeServiceToken())).size, 2_000)
  assert.equal(new Set(Array.from({ length: 2_000 }, () => makeAccessor())).size, 2_000)
})

test('any one character mistyped is noticed', () => {
  for (const token of [makeServiceToken(), makeServiceToken('a1B2c'), makeRecoveryToken()]) {
    for (let at = 0; at < token.length; at++) {
      for (const character of '0Zz.-') {
        if (token[at] === character) continue
        const bad = token.slice(0, at) + character + token.slice(at + 1)
        assert.equal(parseTokenShape(bad), undefined, `position ${at}`)
      }
    }
  }
})

test('a token cut short, padded or moved to another organization or kind is not one', () => {
  const token = makeServiceToken()
  const others = [
    token.slice(0, -1), `${token}0`, `${token}.`, `${token}.a1B2c`, ` ${token}`, `${token}\n`, token.toUpperCase(),
    token.replace('hvs.', 'hvr.'), token.replace('hvs.', 's.'), makeServiceToken('a1B2c').replace('.a1B2c', ''), makeServiceToken('a1B2c').replace('.a1B2c', '.a1B2d'),
  ]
  for (const text of others) assert.equal(parseTokenShape(text), undefined)
})

test('any other string has no shape, and none throws', () => {
  for (const text of ['', 'root', 'hvs.', 'hvb.', 'hvb..a', 'hvs.abc', 'dev-only-token', '00000000-0000-0000-0000-000000000000', 'hvb.!', 'hvb.' + 'a'.repeat(9000)]) {
    assert.equal(parseTokenShape(text), undefined, text.slice(0, 20))
  }
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    parseTokenShape(text)
    batchTokenBytes(`hvb.${text}`)
    orgShortIdOf(text)
  }))
})

test('a batch token has one spelling', () => {
  // The last character of AaD_ carries no spare bits; AaA does.
  assert.equal(batchTokenBytes('hvb.AaA')?.toString('hex'), '01a0')
  assert.equal(batchTokenBytes('hvb.AaB'), undefined)
  assert.equal(batchTokenBytes('hvb.A'), undefined)
  assert.equal(batchTokenBytes(makeServiceToken()), undefined)
})

test('an organization short id must be letters and digits, so that it cannot forge a suffix', () => {
  for (const bad of ['', 'a.b', 'a b', 'é', 'a'.repeat(23), 'a\n', '../x']) {
    assert.throws(() => makeServiceToken(bad), TypeError)
    assert.throws(() => formatBatchToken(Buffer.of(1), bad), TypeError)
    assert.throws(() => makeAccessor(bad), TypeError)
  }
})

test('the organization of an accessor or lease id is what follows its last dot', () => {
  assert.equal(orgShortIdOf('database/creds/app/abc123.a1B2c'), 'a1B2c')
  assert.equal(orgShortIdOf('database/creds/app.v2/abc123'), undefined)
  assert.equal(orgShortIdOf('abc123'), undefined)
  assert.equal(orgShortIdOf('abc123.'), undefined)
})
