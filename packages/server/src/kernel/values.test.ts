// Small vocabularies: replies, cursors, ids, aliases and selectors, errors.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { secret } from '../crypto/secret.ts'
import { decodeCursor, decodeCursorNumber, decodeCursorUuid, encodeCursor } from './cursor.ts'
import { asCofferError, fail, isCofferError, kindFacts, quote, type ErrorKind } from './errors.ts'
import { f, snakeCase } from './fields.ts'
import { formatId, isIdOf, parseId } from './ids.ts'
import { encodeOutput } from './output.ts'
import { currentVersion, parseAlias, parseRotationStrategy, parseSelector, shownState } from './secret-model.ts'
import { operation, walkFields } from './operation.ts'

describe('replies', () => {
  const fields = { id: f.text('t', { max: 9 }), ownerTeam: f.text('t', { max: 9 }).optional(), items: f.list('l', f.object('o', { isCurrent: f.bool('b') }), { max: 9 }).optional(), byName: f.map('m', f.object('o', { isCurrent: f.bool('b') }), { max: 9 }).optional(), value: f.secret('s', { max: 9 }).optional(), at: f.time('t').nullable().optional() }
  test('names are translated at every depth of what is declared, and keys of maps are not', () => {
    assert.deepEqual(encodeOutput(fields, { id: 'x', ownerTeam: 'core', items: [{ isCurrent: true }], byName: { keepMe: { isCurrent: false } } }, true), { id: 'x', owner_team: 'core', items: [{ is_current: true }], by_name: { keepMe: { is_current: false } } })
    assert.deepEqual(encodeOutput(fields, { id: 'x', ownerTeam: 'core' }), { id: 'x', ownerTeam: 'core' })
  })
  test('a secret leaves only through a field that is one', () => {
    assert.deepEqual(encodeOutput(fields, { id: 'x', value: secret('v') }), { id: 'x', value: 'v' })
    assert.throws(() => encodeOutput(fields, { id: secret('v') }), /field that is not one/)
    assert.deepEqual(encodeOutput({ m: f.map('m', f.secret('s', { max: 9 }), { max: 9 }), l: f.list('l', f.secret('s', { max: 9 }), { max: 9 }), n: f.secret('s', { max: 9 }).nullable() }, { m: { a: secret('1') }, l: [secret('2')], n: secret('3') }), { m: { a: '1' }, l: ['2'], n: '3' })
  })
  test('a declared field that is missing, and one that is not declared, are defects', () => {
    assert.throws(() => encodeOutput(fields, {}), /lacks the declared field id/)
    assert.throws(() => encodeOutput(fields, { id: 'x', extra: 1 }), /undeclared field extra/)
    assert.throws(() => encodeOutput(fields, { id: 'x', items: [{ isCurrent: true, extra: 1 }] }), /undeclared field extra/)
    assert.throws(() => encodeOutput(fields, { id: 'x', items: [{}] }), /lacks the declared field isCurrent/)
  })
  test('null and times stay what they are', () => assert.deepEqual(encodeOutput(fields, { id: 'x', at: null }), { id: 'x', at: null }))
})

describe('cursors', () => {
  const bad = { kind: 'invalid_request', code: 'request.bad_cursor', field: 'after' }
  test('any place that text can name comes back, to its own kind of list only', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (at) => {
      const cursor = encodeCursor('secrets', at)
      assert.match(cursor, /^[A-Za-z0-9_-]+$/)
      if (at.includes('\0')) assert.throws(() => decodeCursor('secrets', cursor), bad)
      else assert.equal(decodeCursor('secrets', cursor), at)
      assert.throws(() => decodeCursor('history', cursor), bad)
    }))
  })
  test('anything else is refused alike', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.base64String(), fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64url'))), (text) => {
      try {
        decodeCursor('secrets', text)
      } catch (error) {
        assert.equal((error as { code?: string }).code, bad.code)
      }
    }))
    for (const text of ['', `${encodeCursor('secrets', 'x')}=`, `${encodeCursor('secrets', 'x')}A`, encodeCursor('secrets', 'x').replace(/^./, 'B')]) assert.throws(() => decodeCursor('secrets', text), bad)
  })
  test('numbers and ids are checked to be such', () => {
    assert.equal(decodeCursorNumber('history', encodeCursor('history', '42')), 42)
    for (const at of ['', '-1', '1.5', 'x', '9'.repeat(16)]) assert.throws(() => decodeCursorNumber('history', encodeCursor('history', at)), bad)
    const id = '0190a0b0-c0d0-7000-8000-000000000001'
    assert.equal(decodeCursorUuid('tokens', encodeCursor('tokens', id)), id)
    for (const at of ['', 'x', `${id} `, `{${id}}`]) assert.throws(() => decodeCursorUuid('tokens', encodeCursor('tokens', at)), bad)
  })
})

describe('ids', () => {
  test('any UUID goes to the wire and back, as its own kind only', () => {
    fc.assert(fc.property(fc.uuid(), (uuid) => {
      const id = formatId('secret', uuid)
      assert.match(id, /^sec_[0-9A-Za-z]{22}$/)
      assert.equal(parseId('secret', id), uuid)
      assert.equal(parseId('token', id), undefined)
      assert.equal(isIdOf('secret', id), true)
    }))
  })
  test('what is no id is none', () => {
    for (const text of ['', 'sec_', 'sec_1', `sec_${'z'.repeat(22)}`, `sec_${'0'.repeat(23)}`, `SEC_${'0'.repeat(22)}`, `sec_${'0'.repeat(21)}-`]) assert.equal(parseId('secret', text), undefined)
    assert.throws(() => formatId('secret', 'nonsense'))
  })
})

describe('aliases and selectors', () => {
  test('v3 and 3 are both version 3; all else is an alias', () => {
    for (const [text, selector] of [['3', '3'], ['v3', '3'], ['003', '3'], ['0', '0'], ['current', 'current'], ['V3', 'V3'], ['v3a', 'v3a'], ['blue-green.1', 'blue-green.1']]) assert.equal(parseSelector(text ?? ''), selector)
    for (const text of ['', '3a', '-3', 'v', '+3', ' 3', '9'.repeat(16), `v${'9'.repeat(16)}`]) if (text !== 'v') assert.throws(() => parseSelector(text), { kind: 'invalid_request' }, text)
  })
  test('no text of digits is ever an alias, so that no number can be taken over', () => {
    fc.assert(fc.property(fc.stringMatching(/^v?[0-9]+$/), (text) => assert.throws(() => parseAlias(text), { code: 'secret.bad_alias' })))
  })
  test('states are told by the aliases', () => {
    const aliases = new Map([['current', { alias: 'current', version: 2, updatedAt: 0 }]])
    assert.deepEqual([1, 2].map((version) => shownState({ version, state: 'ACTIVE' }, aliases)), ['PREVIOUS', 'CURRENT'])
    for (const state of ['PENDING', 'DISABLED', 'DESTROYED'] as const) assert.equal(shownState({ version: 2, state }, aliases), state)
    assert.deepEqual([currentVersion({ aliases }), currentVersion({ aliases: new Map() })], [2, 0])
  })
  test('rotation strategies', () => {
    for (const good of ['manual', 'manual-overlap', 'automated-1d', 'automated-9999d']) assert.equal(parseRotationStrategy(good), good)
    for (const bad of ['', 'Manual', 'automated-0d', 'automated-1', 'automated-01d', 'automated-10000d', 'manual ']) assert.throws(() => parseRotationStrategy(bad), { field: 'rotationStrategy' })
  })
})

describe('errors', () => {
  test('each kind has its status, code and exit', () => {
    const table: Readonly<Record<ErrorKind, readonly [number, number, number]>> = { invalid_request: [400, 3, 2], unauthenticated: [401, 16, 3], permission_denied: [403, 7, 3], not_found: [404, 5, 4], conflict: [409, 10, 5], rate_limited: [429, 8, 6], sealed: [503, 14, 7], unavailable: [503, 14, 7], upstream_failed: [502, 14, 7], internal: [500, 13, 1] }
    assert.deepEqual(Object.fromEntries(Object.entries(kindFacts).map(([kind, { http, grpc, cliExit }]) => [kind, [http, grpc, cliExit]])), table)
    assert.equal(fail('invalid_request', 'x.y', 'z', { httpStatus: 413 }).httpStatus, 413)
  })
  test('what is not ours becomes internal, with its text kept inside', () => {
    for (const thrown of [new Error('postgres://u:swordfish@h'), 'swordfish', undefined, { message: 'swordfish' }]) {
      const error = asCofferError(thrown)
      assert.equal(error.kind, 'internal')
      assert.ok(!error.message.includes('swordfish'))
      assert.equal(error.cause, thrown)
    }
    const own = fail('conflict', 'a.b', 'c')
    assert.equal(asCofferError(own), own)
    assert.equal(isCofferError(Object.assign(new Error('x'), { name: 'CofferError' })), false)
  })
  test('a quoted name is bounded and cannot end its quotes', () => {
    assert.equal(quote('a"b\nc'), '"a\\"b\\nc"')
    fc.assert(fc.property(fc.string({ maxLength: 500 }), (text) => assert.ok(JSON.parse(quote(text)) !== undefined && quote(text).length <= 122 * 6)))
  })
})

test('contracts are frozen, and walked with all their children', () => {
  const contract = operation({ id: 'a.b', method: 'GET', path: '/x', summary: 's', tag: 't', access: 'public', audit: undefined, work: 'read', errors: [], input: { list: f.list('l', f.object('o', { inner: f.bool('b') }), { max: 1 }), one: f.object('o', { deep: f.object('o', { er: f.bool('b') }) }) }, output: {} })
  assert.ok(Object.isFrozen(contract))
  assert.deepEqual([...walkFields(contract.input)].map(([name]) => name), ['list', 'list[].inner', 'one', 'one.deep', 'one.deep.er'])
  assert.deepEqual(['ownerTeam', 'a', 'sha256Fingerprint'].map(snakeCase), ['owner_team', 'a', 'sha256_fingerprint'])
})
