// What a contract lets in: strict on native doors, with Vault's coercions on lenient ones; errors name the field, never the value.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { reveal, Secret } from '../crypto/secret.ts'
import { f, type Fields, type Leniency } from './fields.ts'
import { compileInput, locationOf, pathParameters } from './input.ts'
import type { CofferError } from './errors.ts'

const body = (fields: Fields, value: Readonly<Record<string, unknown>> | undefined, leniency: Leniency = 'strict', snake = false) =>
  compileInput({ method: 'POST', path: '/x', input: fields }, snake)({ path: {}, query: {}, body: value }, leniency)
const query = (fields: Fields, value: Readonly<Record<string, string>>) => compileInput({ method: 'GET', path: '/x', input: fields })({ path: {}, query: value, body: undefined }, 'strict').input
const one = (field: Fields[string], value: unknown, leniency: Leniency = 'strict') => body({ a: field }, { a: value }, leniency).input['a']
const isSecret = (value: unknown): value is Secret<string> => value instanceof Secret
const refused = (work: () => unknown): CofferError => {
  try {
    work()
  } catch (error) {
    return error as CofferError
  }
  throw new assert.AssertionError({ message: 'it was not refused' })
}

describe('strict', () => {
  test('JSON types are taken as declared and never turned into another', () => {
    assert.equal(one(f.int('n', { min: 0, max: 9 }), 5), 5)
    for (const [field, value] of [
      [f.int('n', { min: 0, max: 9 }), '5'], [f.int('n', { min: 0, max: 9 }), 5.5], [f.int('n', { min: 0, max: 9 }), 10], [f.int('n', { min: 0, max: 9 }), null], [f.int('n', { min: 0, max: 9 }), true],
      [f.bool('b'), 'true'], [f.bool('b'), 1], [f.text('t', { max: 3 }), 5], [f.text('t', { max: 3 }), 'long'], [f.text('t', { max: 3, min: 1 }), ''],
      [f.list('l', f.text('t', { max: 3 }), { max: 2 }), 'a,b'], [f.list('l', f.text('t', { max: 3 }), { max: 2 }), ['a', 'b', 'c']], [f.labels('l'), { a: 1 }], [f.labels('l'), []], [f.choice('c', ['x', 'y']), 'z'], [f.slug('s'), 'A'], [f.name('n'), 'a/b'],
    ] as const) {
      const error = refused(() => one(field, value))
      assert.deepEqual([error.kind, error.code, error.field?.split('.')[0]], ['invalid_request', 'request.invalid_field', 'a'])
    }
  })
  test('a name that is not declared is refused, wherever it stands', () => {
    assert.deepEqual(refused(() => body({}, { extra: 1 })).field, 'extra')
    assert.equal(refused(() => query({}, { extra: '1' })).code, 'request.unknown_field')
    assert.equal(refused(() => body({ o: f.object('o', { known: f.bool('b').optional() }) }, { o: { extra: 1 } })).field, 'o.extra')
    for (const name of ['__proto__', 'constructor', 'toString']) assert.equal(refused(() => body({}, JSON.parse(`{"${name}": 1}`) as Record<string, unknown>)).code, 'request.unknown_field')
  })
  test('what is missing is named; what may be missing is not', () => {
    assert.deepEqual([refused(() => body({ a: f.bool('b') }, {})).code, refused(() => body({ a: f.bool('b') }, undefined)).field], ['request.missing_field', 'a'])
    assert.deepEqual(body({ a: f.bool('b').optional(), d: f.int('n', { min: 0, max: 9 }).default(7) }, {}).input, { a: undefined, d: 7 })
    assert.equal(refused(() => body({ o: f.object('o', { inner: f.bool('b') }) }, { o: {} })).field, 'o.inner')
  })
  test('null is a value only where it is declared', () => {
    assert.equal(one(f.int('n', { min: 1, max: 9 }).nullable(), null), null)
    assert.equal(refused(() => one(f.int('n', { min: 1, max: 9 }).optional(), null)).kind, 'invalid_request')
  })
  test('text in a path or query is read as what the field is', () => {
    const fields = { n: f.int('n', { min: -9, max: 9 }), b: f.bool('b'), l: f.list('l', f.int('n', { min: 0, max: 9 }), { max: 3 }), d: f.duration('d', { maxSeconds: 9999 }) }
    assert.deepEqual(query(fields, { n: '-5', b: 'true', l: '1,2', d: '1h30m' }), { n: -5, b: true, l: [1, 2], d: 5400 })
    for (const wrong of [{ n: '5x' }, { n: '' }, { n: '1e1' }, { n: ' 1' }, { n: '0x1' }, { b: 'yes' }, { b: '' }, { l: '1,x' }, { d: 'soon' }]) assert.equal(refused(() => query(fields, { n: '1', b: '1', l: '', d: '1', ...wrong })).field?.split('.')[0], Object.keys(wrong)[0])
  })
  test('durations may be written as people do, at any depth', () => {
    const duration = f.duration('d', { maxSeconds: 86_400 })
    assert.deepEqual([one(duration, 90), one(duration, '90'), one(duration, '1h'), one(f.object('o', { d: duration }), { d: '2m' })], [90, 90, 3600, { d: 120 }])
    for (const value of [-1, 86_401, '2d', 1.5, '']) if (value !== '') assert.equal(refused(() => one(duration, value)).kind, 'invalid_request')
  })
  test('times have a zone and are days that exist', () => {
    const time = f.time('t')
    for (const good of ['2026-01-31T23:59:59Z', '2026-01-31T23:59:59.123456789+05:30']) assert.equal(one(time, good), good)
    for (const bad of ['2026-01-31', '2026-01-31T23:59:59', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z', '2026-01-01T24:00:01Z', '2026-01-01T00:00:60Z', 'now', 1]) assert.equal(refused(() => one(time, bad)).kind, 'invalid_request', String(bad))
  })
})

describe('lenient', () => {
  test('Vault\'s coercions: text for numbers and truth, comma lists, numbers for text, at any depth', () => {
    const lenient = (field: Fields[string], value: unknown) => one(field, value, 'lenient')
    assert.equal(lenient(f.int('n', { min: 0, max: 99 }), '42'), 42)
    assert.deepEqual([lenient(f.bool('b'), 'true'), lenient(f.bool('b'), '0')], [true, false])
    assert.deepEqual(lenient(f.list('l', f.text('t', { max: 9 }), { max: 9 }), 'a, b'), ['a', 'b'])
    assert.deepEqual(lenient(f.list('l', f.int('n', { min: 0, max: 9 }), { max: 9 }), ['1', 2]), [1, 2])
    assert.equal(lenient(f.text('t', { max: 9 }), 7), '7')
    assert.deepEqual(lenient(f.object('o', { maxVersions: f.int('n', { min: 0, max: 9 }) }), { max_versions: '3' }), { maxVersions: 3 })
  })
  test('unknown names are passed over and told', () => {
    assert.deepEqual(body({ a: f.bool('b') }, { a: true, b: 1, c: 2 }, 'lenient').ignored, ['b', 'c'])
    assert.deepEqual(body({ ownerTeam: f.text('t', { max: 9 }) }, { owner_team: 'core' }, 'lenient', true).input, { ownerTeam: 'core' })
  })
  test('what is wrong all the same is refused', () => {
    for (const value of ['4x', '', 1.5, [], {}]) assert.equal(refused(() => one(f.int('n', { min: 0, max: 99 }), value, 'lenient')).kind, 'invalid_request')
  })
})

describe('always', () => {
  test('a secret arrives wrapped, and is not text to anybody who prints it', () => {
    for (const [field, value] of [[f.secret('s', { max: 99 }), 'swordfish'], [f.secret('s', { max: 99 }).optional(), 'swordfish'], [f.secret('s', { max: 99 }).nullable(), 'swordfish']] as const) {
      const got = one(field, value)
      assert.ok(isSecret(got))
      assert.equal(reveal(got, 'for the test'), value)
      assert.ok(!JSON.stringify({ got }).includes('swordfish'))
    }
    const nested = one(f.object('o', { inner: f.secret('s', { max: 99 }) }), { inner: 'swordfish' })
    assert.ok(!JSON.stringify(nested).includes('swordfish'))
    assert.ok(!JSON.stringify(one(f.map('m', f.secret('s', { max: 99 }), { max: 9 }), { a: 'swordfish' })).includes('swordfish'))
  })
  test('an error names the field and nothing of the value', () => {
    const value = 'swordfish-'.repeat(10)
    const fields: readonly Fields[string][] = [f.text('t', { max: 3 }), f.secret('t', { max: 3 }), f.choice('c', ['x']), f.int('n', { min: 0, max: 1 }), f.bool('b'), f.time('t'), f.slug('s'), f.name('n'), f.duration('d', { maxSeconds: 1 }), f.list('l', f.text('t', { max: 3 }), { max: 1 }), f.labels('l'), f.json('j', { maxBytes: 4 }), f.object('o', {})]
    for (const field of fields) for (const given of [value, [value], { a: value }, [[value]]]) {
      for (const leniency of ['strict', 'lenient'] as const) {
        try {
          one(field, given, leniency)
        } catch (error) {
          const { message, field: name, kind } = error as CofferError
          assert.equal(kind, 'invalid_request')
          assert.ok(!`${message} ${name ?? ''}`.includes('swordfish'), message)
        }
      }
    }
  })
  test('what the database cannot keep as text is refused by name; in secrets and documents it is data', () => {
    for (const bad of ['a\u0000b', '\ud800', 'x\udfff']) {
      for (const [field, value] of [[f.text('t', { max: 9 }), bad], [f.labels('l'), { k: bad }], [f.labels('l'), { [bad]: 'v' }], [f.list('l', f.text('t', { max: 9 }), { max: 9 }), [bad]]] as const) assert.deepEqual([refused(() => one(field, value)).kind, refused(() => one(field, value)).field], ['invalid_request', 'a'])
      assert.ok(isSecret(one(f.secret('s', { max: 9 }), bad)))
      assert.deepEqual(one(f.json('j', { maxBytes: 99 }), { a: bad }), { a: bad })
    }
  })
  test('a document is bounded by its size', () => {
    assert.deepEqual(one(f.json('j', { maxBytes: 7 }), { a: 1 }), { a: 1 })
    assert.equal(refused(() => one(f.json('j', { maxBytes: 6 }), { a: 1 })).field, 'a')
  })
  test('hostile bodies are refused as such and never another way', () => {
    const fields = { t: f.text('t', { max: 5 }), n: f.int('n', { min: 0, max: 5 }).optional(), l: f.labels('l').optional(), s: f.secret('s', { max: 5 }).optional(), o: f.object('o', { x: f.bool('b').optional() }).optional(), m: f.map('m', f.int('n', { min: 0, max: 5 }), { max: 2 }).optional() }
    fc.assert(fc.property(fc.oneof(fc.dictionary(fc.constantFrom('t', 'n', 'l', 's', 'o', 'm', '__proto__'), fc.anything()), fc.dictionary(fc.string(), fc.jsonValue())), fc.constantFrom<Leniency>('strict', 'lenient'), (given, leniency) => {
      try {
        body(fields, given, leniency)
      } catch (error) {
        assert.equal((error as CofferError).kind, 'invalid_request', String(error))
      }
    }), { numRuns: 500 })
  })
})

test('fields come from the path when it names them, else from where they say, else as the method has it', () => {
  const operation = { method: 'POST', path: '/x/:key+/history/:n' }
  assert.deepEqual(pathParameters(operation.path), ['key', 'n'])
  const field = f.bool('b')
  assert.deepEqual([locationOf('key', field.in('query'), operation), locationOf('a', field.in('query'), operation), locationOf('a', field, operation), locationOf('a', field, { ...operation, method: 'GET' }), locationOf('a', field, { ...operation, method: 'DELETE' })], ['path', 'query', 'body', 'query', 'query'])
})
