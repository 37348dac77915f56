import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCofferError } from './errors.ts'
import { operations } from './generated/api.ts'
import { refuseOtherOperation, requestParts, type OperationFacts } from './operation.ts'

const facts = (id: string): OperationFacts => {
  const found = operations[id]
  assert.ok(found, id)
  return found
}

test('a path keeps its slashes and every segment is escaped once', () => {
  const { target } = requestParts(facts('secrets.get'), { key: 'a b/ü%2F/c?d#e', reveal: true })
  assert.equal(target, '/api/v1/secrets/a%20b/%C3%BC%252F/c%3Fd%23e?reveal=true')
})

test('a parameter of one segment cannot grow into two', () => {
  assert.equal(requestParts(facts('policies.get'), { name: 'a/b' }).target, '/api/v1/policies/a%2Fb')
})

test('project and environment go into the query also where there is a body', () => {
  const { target, body } = requestParts(facts('secrets.put'), { key: 'x', project: 'api', environment: 'dev', value: 'v' })
  assert.equal(target, '/api/v1/secrets/x?project=api&environment=dev')
  assert.equal(body, '{"value":"v"}')
})

test('a lock in the body of a token stays in the body', () => {
  const { target, body } = requestParts(facts('tokens.create'), { name: 'ci', project: 'api' })
  assert.equal(target, '/api/v1/tokens')
  assert.equal(body, '{"name":"ci","project":"api"}')
})

test('absent inputs are not sent, null is', () => {
  const { target, body } = requestParts(facts('secrets.put'), { key: 'x', project: undefined, value: 'v', expectedPreviousVersion: null })
  assert.equal(target, '/api/v1/secrets/x')
  assert.equal(body, '{"value":"v","expectedPreviousVersion":null}')
})

test('a missing path parameter is refused before anything is sent', () => {
  assert.throws(() => requestParts(facts('secrets.get'), { key: '' }), { kind: 'invalid_request', code: 'client.path' })
})

test('a request that writes is only ever repeated with a key', () => {
  for (const [id, { method, repeat }] of Object.entries(operations)) {
    if (method === 'DELETE' || method === 'PATCH' || method === 'PUT') assert.equal(repeat, 'never', id)
    if (method === 'GET') assert.equal(repeat, 'safe', id)
  }
  assert.equal(facts('secrets.put').repeat, 'key')
  assert.equal(facts('tokens.create').repeat, 'never')
  assert.equal(facts('secrets.inject').repeat, 'safe')
})

test('no name of a secret reaches another operation: URL parsers see the path that was meant', () => {
  const part = fc.oneof(fc.string({ unit: 'binary' }).map((text) => text.toWellFormed()), fc.constantFrom('..', '.', '%2e%2e', '', '\\', '?', '#', '\t..', 'tokens', 'a'))
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/')), (key) => {
      let target: string
      try {
        target = requestParts(facts('secrets.delete'), { key }).target
      } catch (error) {
        assert.ok(isCofferError(error) && (key === '' || /(^|\/)\.\.?(\/|$)/.test(key)), key)
        return
      }
      const { pathname, search, hash } = new URL(`http://host${target}`)
      assert.equal(pathname, target)
      assert.equal(decodeURIComponent(pathname), `/api/v1/secrets/${key}`)
      assert.equal(search + hash, '')
    }),
    { numRuns: 2000 },
  )
})

test('a path that ends like another operation is refused: rm of x/permanent would purge x', () => {
  for (const [id, key] of [['secrets.delete', 'x/permanent'], ['secrets.get', 'x/history'], ['secrets.put', 'x/rollback'], ['secrets.put', 'x/restore']] as const) {
    assert.throws(() => refuseOtherOperation(facts(id), { key }, operations), { kind: 'invalid_request', code: 'client.path' })
  }
  for (const [id, key] of [['secrets.delete', 'permanent'], ['secrets.get', 'x/permanent'], ['secrets.put', 'history/x'], ['secrets.history', 'x/history']] as const) {
    refuseOtherOperation(facts(id), { key }, operations)
  }
})
