// Which operation a method and a path mean.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTarget } from '../../kernel/path.ts'
import { Router, type Route } from './router.ts'

const route = (method: Route<string>['method'], pattern: string): Route<string> => ({ method, pattern, target: `${method} ${pattern}` })
const router = new Router([
  route('GET', '/api/secrets'), route('GET', '/api/secrets/:key+'), route('POST', '/api/secrets/:key+'), route('DELETE', '/api/secrets/:key+'),
  route('GET', '/api/secrets/:key+/history'), route('POST', '/api/secrets/:key+/rollback'), route('POST', '/api/secrets/:key+/restore'), route('DELETE', '/api/secrets/:key+/permanent'),
  route('GET', '/api/projects/:project'), route('GET', '/api/projects/all'), route('GET', '/api/projects/:project/environments'), route('GET', '/:door/:a/:rest+'),
])
const match = (method: string, path: string) => {
  const { target, params } = router.match(method, parseTarget(path).segments)
  return [target, { ...params }] as const
}

test('a parameter takes one segment, or with a plus one or more', () => {
  assert.deepEqual(match('GET', '/api/secrets'), ['GET /api/secrets', {}])
  assert.deepEqual(match('GET', '/api/secrets/a'), ['GET /api/secrets/:key+', { key: 'a' }])
  assert.deepEqual(match('GET', '/api/secrets/a/b/c'), ['GET /api/secrets/:key+', { key: 'a/b/c' }])
  assert.deepEqual(match('GET', '/api/projects/x/environments'), ['GET /api/projects/:project/environments', { project: 'x' }])
})

test('a final history, rollback, restore or permanent is always the operation', () => {
  for (const [method, word] of [['GET', 'history'], ['POST', 'rollback'], ['POST', 'restore'], ['DELETE', 'permanent']] as const) {
    assert.deepEqual(match(method, `/api/secrets/a/b/${word}`), [`${method} /api/secrets/:key+/${word}`, { key: 'a/b' }])
    assert.deepEqual(match(method, `/api/secrets/${word}/${word}`), [`${method} /api/secrets/:key+/${word}`, { key: word }])
    assert.deepEqual(match(method, `/api/secrets/${word}/x`), [`${method} /api/secrets/:key+`, { key: `${word}/x` }])
    assert.deepEqual(match(method, `/api/secrets/${word}`), [`${method} /api/secrets/:key+`, { key: word }], 'alone it is a secret\'s name')
  }
})

test('a written-out segment goes before a parameter, and both before many', () => {
  assert.equal(match('GET', '/api/projects/all')[0], 'GET /api/projects/all')
  assert.equal(match('GET', '/api/projects/other')[0], 'GET /api/projects/:project')
  assert.equal(match('GET', '/x/y/z/w')[0], 'GET /:door/:a/:rest+')
})

test('a path that knows other methods says which: 405', () => {
  assert.throws(() => router.match('PATCH', parseTarget('/api/secrets/a').segments), { httpStatus: 405, code: 'request.method', message: 'This path takes DELETE, GET, POST.' })
  assert.throws(() => router.match('POST', parseTarget('/api/secrets').segments), { httpStatus: 405 })
})

test('a path that nothing answers is not found', () => {
  for (const path of ['/', '/api', '/api/nothing']) assert.throws(() => router.match('GET', parseTarget(path).segments), { kind: 'not_found', code: 'request.no_route' })
})

test('what was encoded is a parameter as it was meant, never a separator', () => {
  assert.deepEqual(match('GET', '/api/secrets/a%20b/%D7%A9'), ['GET /api/secrets/:key+', { key: 'a b/ש' }])
  assert.throws(() => match('GET', '/api/secrets/a%2Fhistory'), { code: 'path.invalid' })
})

test('names that every object has are ordinary segments', () => {
  for (const name of ['__proto__', 'constructor', 'toString']) assert.deepEqual(match('GET', `/api/projects/${name}`)[1], { project: name })
})

test('whatever the segments, the parameters put together are the path again', () => {
  const segment = fc.stringMatching(/^[a-z]{1,8}$/)
  fc.assert(fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
    const [target, params] = match('GET', `/api/secrets/${segments.join('/')}`)
    const suffix = target.endsWith('/history') ? '/history' : ''
    assert.equal(`${params['key'] ?? ''}${suffix}`, segments.join('/'))
  }))
})
