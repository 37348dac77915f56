// The comparison itself, which must not call different things alike.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ABSENT, compare, normalised, type Shown } from './compare.ts'
import { judge } from './known.ts'
import { namesOf, get } from './steps.ts'

const answer = (body: unknown, status = 200) => ({ status, headers: {}, body: normalised(body, new Map()) })

describe('comparing', () => {
  test('ids, tokens and times of each server are alike, their absence is not', () => {
    const one = { request_id: 'abc-1', auth: { client_token: 'hvs.aaaa', accessor: 'x1' }, data: { created_time: '2026-01-02T03:04:05.123Z', uuid: '6f1e0e4e-6f1e-4e4e-8e4e-6f1e0e4e6f1e' } }
    const two = { request_id: 'def', auth: { client_token: 'hvs.bbbbbb', accessor: 'y' }, data: { created_time: '2026-01-02T03:04:06.123456789Z', uuid: '00000000-0000-1000-8000-000000000000' } }
    assert.deepEqual(compare(answer(one), answer(two)), [])
    assert.deepEqual(compare(answer(one), answer({ ...two, request_id: '' })).map(({ at }) => at), ['body.request_id'])
    assert.deepEqual(compare(answer(one), answer({ ...two, data: { ...two.data, created_time: '' } })).map(({ at }) => at), ['body.data.created_time'])
  })
  test('null, an empty map, an empty list and nothing are four things', () => {
    const all = [null, {}, [], undefined, '', 0, false]
    for (const [i, one] of all.entries()) for (const [j, two] of all.entries()) {
      assert.equal(compare(answer(one === undefined ? {} : { x: one }), answer(two === undefined ? {} : { x: two })).length === 0, i === j, `${i} ${j}`)
    }
    assert.deepEqual(compare(answer({}), answer({ x: 1 })), [{ at: 'body.x', coffer: ABSENT, vault: 1 }])
  })
  test('a status differs, and remaining seconds only when they are far apart', () => {
    assert.deepEqual(compare(answer({}, 204), answer({}, 200)).map(({ at }) => at), ['status'])
    assert.deepEqual(compare(answer({ ttl: 3600 }), answer({ ttl: 3598 })), [])
    assert.equal(compare(answer({ ttl: 3600 }), answer({ ttl: 3500 })).length, 1)
    assert.equal(compare(answer({ ttl: 1 }), answer({ ttl: 0 })).length, 1)
    assert.equal(compare(answer({ count: 3600 }), answer({ count: 3598 })).length, 1)
  })
  test('what is left is near in texts as well, and nothing else of them', () => {
    const told = (text: string): Shown => ({ status: 200, headers: {}, body: { warnings: [text] } })
    const capped = (left: string): string => `TTL of "5h" exceeded the effective max_ttl of "${left}"`
    assert.deepEqual(compare(told(capped('2h')), told(capped('1h59m59s'))), [])
    assert.equal(compare(told(capped('2h')), told(capped('1h'))).length, 1)
    assert.equal(compare(told(capped('2h')), told(`${capped('2h')} or so`)).length, 1)
    assert.equal(compare(told('"1s"'), told('"1s" "1s"')).length, 1)
  })

  test('a loose place needs the same type', () => {
    assert.deepEqual(compare(answer({ a: { b: 1 } }), answer({ a: { b: 2 } }), ['a.*']), [])
    assert.equal(compare(answer({ a: { b: 1 } }), answer({ a: { b: 'x' } }), ['a.*']).length, 1)
    assert.equal(compare(answer({ a: { b: 1 } }), answer({ a: { b: 2 } }), ['a']).length, 0)
  })
  test('the order of a list counts unless it is said to mean nothing', () => {
    const shown = (unordered: readonly string[], ...items: string[]) => ({ status: 200, headers: {}, body: normalised({ keys: items }, new Map(), new Set(unordered)) })
    assert.notEqual(compare(shown([], 'a', 'b'), shown([], 'b', 'a')).length, 0)
    assert.equal(compare(shown(['keys'], 'a', 'b'), shown(['keys'], 'b', 'a')).length, 0)
  })
})

describe('the known differences', () => {
  const outcome = { area: 'x', step: 'GET /v1/a', differences: [{ at: 'status', coffer: 1, vault: 2 }, { at: 'body.a', coffer: 1, vault: 2 }] }
  test('explain what they name and nothing else', () => {
    const entry = { area: 'x', step: /a$/, at: /^status$/, what: '', reason: '' }
    assert.deepEqual(judge([outcome], [entry]), { unexplained: [{ ...outcome, differences: [outcome.differences[1]] }], outlived: [] })
  })
  test('are found out when they explain nothing any more', () => {
    const entry = { area: 'y', at: /^status$/, what: '', reason: '' }
    assert.deepEqual(judge([outcome], [entry]).outlived, [entry])
  })
  test('tell steps apart that ask for the same', () => {
    assert.deepEqual(namesOf([get('a'), get('a'), get('a', { note: 'x' })]), ['GET /v1/a', 'GET /v1/a #2', 'GET /v1/a (x)'])
  })
})
