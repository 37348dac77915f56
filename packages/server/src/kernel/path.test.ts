import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCofferError } from './errors.ts'
import { joinPath, parsePath, parseQuery, parseTarget } from './path.ts'

const refused = (run: () => unknown): void => {
  assert.throws(run, (error) => isCofferError(error) && error.kind === 'invalid_request' && error.httpStatus === 400)
}

test('a plain target is split at the first question mark and at slashes', () => {
  const parsed = parseTarget('/v1/secret/data/prod/db?version=2&x=a/b?c')
  assert.deepEqual([...parsed.segments], ['v1', 'secret', 'data', 'prod', 'db'])
  assert.equal(parsed.query, 'version=2&x=a/b?c')
  assert.equal(parsed.trailingSlash, false)
})

test('a trailing slash means list and is not a segment', () => {
  const parsed = parseTarget('/v1/secret/metadata/')
  assert.deepEqual([...parsed.segments], ['v1', 'secret', 'metadata'])
  assert.equal(parsed.trailingSlash, true)
})

test('a segment is percent-decoded exactly once', () => {
  assert.deepEqual([...parseTarget('/a%2520b').segments], ['a%20b'])
  assert.deepEqual([...parseTarget('/caf%C3%A9').segments], ['caf\u00e9'])
  assert.deepEqual([...parseTarget('/a+b').segments], ['a+b'])
})

for (const [name, target] of [
  ['a dot segment', '/a/./b'],
  ['a double dot segment', '/a/../b'],
  ['an encoded double dot segment', '/a/%2e%2e/b'],
  ['a half-encoded double dot segment', '/a/.%2E/b'],
  ['an encoded slash', '/a%2fb'],
  ['an empty segment', '/a//b'],
  ['two trailing slashes', '/a//'],
  ['a broken escape', '/a%2'],
  ['a non-hex escape', '/a%zz'],
  ['an overlong encoding of a slash', '/a%c0%afb'],
  ['a lone surrogate in UTF-8', '/%ed%a0%80'],
  ['a NUL', '/a%00b'],
  ['a line feed', '/a%0ab'],
  ['a right-to-left override', '/a%e2%80%aeb'],
  ['a zero-width space', '/a%e2%80%8bb'],
  ['decomposed text', '/cafe%CC%81'],
  ['a raw byte above 7f', '/caf\u00e9'],
  ['a segment of 256 bytes', `/${'a'.repeat(256)}`],
  ['a target over 8 KiB', `/${'a/'.repeat(5000)}`],
  ['no leading slash', 'a/b'],
] as const) {
  test(`${name} is refused`, () => refused(() => parseTarget(target)))
}

test('a path given as text is held to the same rules but never decoded', () => {
  assert.deepEqual([...parsePath('prod/payments/%2e%2e').segments], ['prod', 'payments', '%2e%2e'])
  refused(() => parsePath('prod/../x'))
  refused(() => parsePath('prod//x'))
  refused(() => parsePath('a'.repeat(600)))
  refused(() => joinPath(Array.from({ length: 10 }, () => 'a'.repeat(100))))
})

test('whatever the parser lets through reads the same when written canonically', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      let segments: readonly string[]
      try {
        segments = parseTarget(`/${text}`).segments
      } catch (error) {
        return isCofferError(error)
      }
      const again = parseTarget(`/${segments.map(encodeURIComponent).join('/')}`)
      return JSON.stringify(again.segments) === JSON.stringify(segments) && segments.every((s) => s !== '' && s !== '.' && s !== '..' && !s.includes('/'))
    }),
    { numRuns: 2000 },
  )
})

test('a repeated or broken query parameter is refused', () => {
  assert.deepEqual({ ...parseQuery('a=1&b=x%20y&c') }, { a: '1', b: 'x y', c: '' })
  refused(() => parseQuery('a=1&a=2'))
  refused(() => parseQuery('a=%'))
  assert.equal(Object.getPrototypeOf(parseQuery('__proto__=1')), null)
})
