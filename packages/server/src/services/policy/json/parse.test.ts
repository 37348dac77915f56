// JSON policies as people write them: the two examples of the access-control article, and every way to get one wrong.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isCofferError } from '../../../kernel/errors.ts'
import { maxJsonPolicyBytes, parseJsonPolicy } from './parse.ts'

const statement = { effect: 'allow', principal: 'user:ann', actions: ['secrets:read'], resources: ['prod/payments/*'] }

const refused = (input: unknown, message: RegExp, field: string): void => {
  assert.throws(() => parseJsonPolicy(input), (error) => {
    assert.ok(isCofferError(error), String(error))
    assert.equal(error.kind, 'invalid_request')
    assert.match(error.message, message)
    assert.equal(error.field, field)
    return true
  })
}

test('a bare statement is a policy, and a false condition is none', () => {
  const policy = parseJsonPolicy({
    effect: 'allow',
    principal: 'service:prod:payments-api',
    actions: ['secrets:read'],
    resources: ['prod/payments/*'],
    conditions: { sourceCluster: 'prod-us-east-1', mfa: false },
  }, 'payments-api')
  assert.deepEqual(policy, {
    name: 'payments-api',
    statements: [{
      id: '1', effect: 'allow', principals: ['service:prod:payments-api'], actions: ['secrets:read'],
      resources: [{ form: 'path', text: 'prod/payments/*', project: undefined, pattern: 'prod/payments/*' }],
      conditions: { sourceCluster: ['prod-us-east-1'] },
    }],
  })
})

test('the on-call policy keeps what it requires', () => {
  const [only] = parseJsonPolicy({
    effect: 'allow', principal: 'group:payments-oncall', actions: ['secrets:rotate', 'secrets:read-break-glass'],
    resources: ['prod/payments/*'], conditions: { mfa: true, ticketRequired: true },
  }).statements
  assert.deepEqual(only?.conditions, { mfa: true, ticketRequired: true })
})

test('a document holds statements, numbered unless they have an id', () => {
  const policy = parseJsonPolicy({ version: 1, name: 'ops', description: 'x', statements: [statement, { ...statement, id: 'second', description: 'y' }, statement] })
  assert.equal(policy.name, 'ops')
  assert.deepEqual(policy.statements.map((each) => each.id), ['1', 'second', '3'])
})

test('text and value are read alike', () => {
  assert.deepEqual(parseJsonPolicy(JSON.stringify(statement)), parseJsonPolicy(statement))
})

test('resources are taken apart', () => {
  const [only] = parseJsonPolicy({ ...statement, resources: ['billing:prod/a', '/sys/mounts', '*'] }).statements
  assert.deepEqual(only?.resources, [
    { form: 'path', text: 'billing:prod/a', project: 'billing', pattern: 'prod/a' },
    { form: 'api', text: '/sys/mounts', pattern: 'sys/mounts' },
    { form: 'path', text: '*', project: undefined, pattern: '*' },
  ])
})

for (const principal of ['*', 'user:ann', 'service:prod:*', 'group:a.b-c', ['user:ann', 'user:bob']]) {
  test(`${JSON.stringify(principal)} is a principal`, () => {
    assert.deepEqual(parseJsonPolicy({ ...statement, principal }).statements[0]?.principals, [principal].flat())
  })
}

const without = (key: keyof typeof statement): unknown => Object.fromEntries(Object.entries(statement).filter(([each]) => each !== key))

for (const [name, input, message, field] of [
  ['a list', [], /must be an object/, 'policy'],
  ['null', null, /must be an object/, 'policy'],
  ['a number', 5, /must be an object/, 'policy'],
  ['an empty object', {}, /effect must be/, 'effect'],
  ['broken JSON', '{"effect": ', /not valid JSON/, 'policy'],
  ['a key that stands twice', '{"effect":"deny","effect":"allow","principal":"user:ann","actions":["secrets:read"],"resources":["*"]}', /not valid JSON/, 'policy'],
  ['an unknown field in a statement', { ...statement, resource: 'x' }, /resource is not a known field/, 'resource'],
  ['AWS spelling', { ...statement, Effect: 'Deny' }, /Effect is not a known field/, 'Effect'],
  ['an unknown field in the document', { statements: [statement], extra: 1 }, /extra is not a known field/, 'extra'],
  ['an unknown field in a later statement', { statements: [statement, { ...statement, x: 1 }] }, /statements\[1\]\.x is not a known field/, 'statements[1].x'],
  ['a field named like a prototype', '{"statements":[{"__proto__":{},"effect":"allow"}]}', /__proto__ is not a known field/, 'statements[0].__proto__'],
  ['an unknown version', { version: 2, statements: [statement] }, /version must be 1/, 'version'],
  ['no statements', { statements: [] }, /statements must be a list that is not empty/, 'statements'],
  ['statements that are an object', { statements: statement }, /statements must be a list/, 'statements'],
  ['a statement that is text', { statements: ['x'] }, /statements\[0\] must be an object/, 'statements[0]'],
  ['too many statements', { statements: Array.from({ length: 201 }, () => statement) }, /at most 200/, 'statements'],
  ['an id used twice', { statements: [{ ...statement, id: 'a' }, { ...statement, id: 'a' }] }, /two statements with the id "a"/, 'statements'],
  ['an id that is another\'s number', { statements: [{ ...statement, id: '2' }, statement] }, /two statements with the id "2"/, 'statements'],
  ['an id with a space', { ...statement, id: 'a b' }, /id may hold/, 'id'],
  ['no effect', without('effect'), /effect must be/, 'effect'],
  ['an effect in capitals', { ...statement, effect: 'Allow' }, /effect must be/, 'effect'],
  ['no principal', without('principal'), /principal must be a list/, 'principal'],
  ['an empty principal', { ...statement, principal: '' }, /principal does not say/, 'principal'],
  ['a principal without its kind', { ...statement, principal: 'ann' }, /what kind of principal/, 'principal'],
  ['a principal with a space', { ...statement, principal: 'user:ann smith' }, /spaces/, 'principal'],
  ['a principal with an empty part', { ...statement, principal: 'service::x' }, /empty part/, 'principal'],
  ['a principal with a star within a part', { ...statement, principal: 'service:prod-*' }, /whole last part/, 'principal'],
  ['a principal with a star before its end', { ...statement, principal: 'service:*:api' }, /whole last part/, 'principal'],
  ['a principal that is too long', { ...statement, principal: `user:${'a'.repeat(300)}` }, /too long/, 'principal'],
  ['an empty list of principals', { ...statement, principal: [] }, /not empty/, 'principal'],
  ['a number among principals', { ...statement, principal: ['user:ann', 5] }, /must be a string/, 'principal[1]'],
  ['no actions', without('actions'), /actions must be a list/, 'actions'],
  ['actions that are text', { ...statement, actions: 'secrets:read' }, /actions must be a list/, 'actions'],
  ['an unknown action', { ...statement, actions: ['secrets:read', 'secrets:reed'] }, /is not an action: "secrets:reed"/, 'actions[1]'],
  ['a fine action by its inner name', { ...statement, actions: ['reveal'] }, /is not an action/, 'actions[0]'],
  ['a wildcard over namespaces', { ...statement, actions: ['*:read'] }, /is not an action/, 'actions[0]'],
  ['an action named like a prototype', { ...statement, actions: ['secrets:constructor'] }, /is not an action/, 'actions[0]'],
  ['no resources', without('resources'), /resources must be a list/, 'resources'],
  ['a resource that is a number', { ...statement, resources: [5] }, /must be a string/, 'resources[0]'],
  ['a resource with a star in the middle', { ...statement, resources: ['prod/*', 'prod/*/x'] }, /a \* before its end/, 'resources[1]'],
  ['too many resources', { ...statement, resources: Array.from({ length: 201 }, () => '*') }, /at most 200/, 'resources'],
  ['an unknown condition', { ...statement, conditions: { weekday: 1 } }, /conditions\.weekday is not a known condition/, 'conditions.weekday'],
  ['a condition of the wrong type', { statements: [{ ...statement, conditions: { mfa: 'yes' } }] }, /must be true or false/, 'statements[0].conditions.mfa'],
  ['a deny that asks for MFA', { ...statement, effect: 'deny', conditions: { mfa: true } }, /cannot stand in a deny/, 'conditions.mfa'],
  ['a description that is too long', { ...statement, description: 'x'.repeat(1001) }, /1 to 1000 characters/, 'description'],
] as const) {
  test(`${name} is refused by name`, () => refused(input, message, field))
}

test('a name inside the document must be the one it is stored under', () => {
  const document = { name: 'a', statements: [statement] }
  assert.equal(parseJsonPolicy(document, 'a').name, 'a')
  assert.throws(() => parseJsonPolicy(document, 'b'), /stored as "b"/)
})

test('a text that is too long is refused before it is read', () => {
  refused(`{"description":"${'x'.repeat(maxJsonPolicyBytes)}"}`, /too large/, 'policy')
})

test('any JSON value is either a policy or an invalid request', () => {
  const leaf = fc.constantFrom('allow', 'deny', 'user:ann', '*', 'secrets:read', 'prod/*', '/sys/*', true, 1, null, '')
  const names = fc.constantFrom('version', 'name', 'statements', 'effect', 'principal', 'actions', 'resources', 'conditions', 'id', 'mfa', 'timeWindow', 'from', '__proto__')
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any'), { maxLength: 3 }), fc.dictionary(names, tie('any'), { maxKeys: 6 })),
  })).any
  fc.assert(fc.property(value, fc.boolean(), (input, asText) => {
    try {
      parseJsonPolicy(asText ? JSON.stringify(input) : input)
    } catch (error) {
      assert.ok(isCofferError(error) && error.kind === 'invalid_request' && error.field !== undefined, String(error))
    }
  }), { numRuns: 20_000 })
})
