// The table of actions: what each needs of an ACL policy, which JSON names contain it, and which Vault verb it is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { actionBit, actionFacts, actionNames, actionOfVerb, capabilityFor, fineAction, fineActions, kindIndex, masksOf, namedAction, resourceKinds, secretApiPath, secretResource } from './actions.ts'

const where = { project: 'secret', environment: 'prod', path: 'payments/stripe', protected: true }

for (const [action, apiPath, capability] of [
  ['list', 'secret/metadata/prod/payments/stripe/', 'list'],
  ['read', 'secret/metadata/prod/payments/stripe', 'read'],
  ['reveal', 'secret/data/prod/payments/stripe', 'read'],
  ['create', 'secret/data/prod/payments/stripe', 'create'],
  ['update', 'secret/data/prod/payments/stripe', 'update'],
  ['delete', 'secret/data/prod/payments/stripe', 'delete'],
  ['undelete', 'secret/undelete/prod/payments/stripe', 'update'],
  ['destroy', 'secret/destroy/prod/payments/stripe', 'update'],
  ['rotate', 'secret/data/prod/payments/stripe', 'update'],
  ['export', 'secret/data/prod/payments/stripe', 'read'],
  ['administer', 'secret/metadata/prod/payments/stripe', 'update'],
  ['audit-read', 'secret/metadata/prod/payments/stripe', 'read'],
  ['break-glass', 'secret/data/prod/payments/stripe', undefined],
] as const) {
  test(`${action} is ${capability ?? 'no capability'} on ${apiPath}`, () => {
    const resource = secretResource(action, where)
    assert.equal(resource.apiPath, apiPath)
    assert.equal(capabilityFor(action, resource), capability)
  })
}

test('the list of actions is the table, and every action has its own bit', () => {
  assert.deepEqual([...fineActions].sort(), Object.keys(actionFacts).sort())
  assert.equal(new Set(fineActions.map(actionBit)).size, fineActions.length)
  assert.ok(fineActions.every((action) => actionBit(action) > 0))
})

test('the environment default has no segment of its own', () => {
  assert.equal(secretApiPath('reveal', 'secret', 'default', 'app/key'), 'secret/data/app/key')
  assert.equal(secretApiPath('list', 'secret', 'default', ''), 'secret/metadata/')
})

test('listing the top of an environment is listing its folder', () => {
  assert.equal(secretResource('list', { ...where, path: '' }).apiPath, 'secret/metadata/prod/')
  assert.equal(secretResource('list', { ...where, path: 'payments/' }).apiPath, 'secret/metadata/prod/payments/')
})

test('a resource may say which capability its verb needs, except for break-glass', () => {
  const resource = { ...secretResource('update', where), capability: 'patch' as const }
  assert.equal(capabilityFor('update', resource), 'patch')
  assert.equal(capabilityFor('break-glass', resource), undefined)
  assert.equal(capabilityFor('sudo', resource), 'sudo')
})

for (const [action, fine] of [['patch', 'update'], ['scan', 'list'], ['sudo', 'administer'], ['subscribe', 'read'], ['recover', 'update'], ['reveal', 'reveal']] as const) {
  test(`${action} counts as ${fine} for JSON policies and roles`, () => assert.equal(fineAction(action), fine))
}

for (const [family, capability, action] of [
  ['data', 'read', 'reveal'], ['data', 'create', 'create'], ['data', 'update', 'update'], ['data', 'patch', 'update'], ['data', 'delete', 'delete'],
  ['metadata', 'read', 'read'], ['metadata', 'list', 'list'], ['metadata', 'scan', 'list'], ['metadata', 'create', 'create'],
  ['metadata', 'update', 'update'], ['metadata', 'patch', 'update'], ['metadata', 'delete', 'destroy'],
  ['subkeys', 'read', 'read'], ['delete', 'update', 'delete'], ['delete', 'create', 'delete'], ['undelete', 'update', 'undelete'],
  ['undelete', 'create', 'undelete'], ['destroy', 'update', 'destroy'], ['destroy', 'create', 'destroy'],
  ['config', 'read', 'read'], ['config', 'update', 'administer'],
  ['data', 'list', undefined], ['undelete', 'read', undefined], ['nothing', 'read', undefined],
] as const) {
  test(`in KV v2 ${capability} on ${family}/ is ${action ?? 'nothing'}`, () => assert.equal(actionOfVerb(family, capability), action))
}

for (const [name, actions] of [
  ['secrets:read', ['read', 'reveal', 'list']],
  ['secrets:metadata', ['read', 'list']],
  ['secrets:list', ['list']],
  ['secrets:reveal', ['reveal']],
  ['secrets:create', ['create']],
  ['secrets:update', ['update']],
  ['secrets:write', ['create', 'update']],
  ['secrets:rotate', ['rotate']],
  ['secrets:delete', ['delete']],
  ['secrets:undelete', ['undelete']],
  ['secrets:destroy', ['destroy']],
  ['secrets:export', ['export']],
  ['secrets:administer', ['administer']],
  ['secrets:read-break-glass', ['break-glass']],
] as const) {
  test(`${name} stands for ${actions.join(', ')} of secrets`, () => assert.deepEqual(namedAction(name), { kinds: ['secret'], actions }))
}

test('rotating never reveals', () => {
  for (const name of ['secrets:rotate', 'secrets:write', 'secrets:metadata', 'secrets:administer']) {
    const actions = namedAction(name)?.actions ?? []
    assert.ok(!actions.includes('reveal') && !actions.includes('export') && !actions.includes('break-glass'), name)
  }
})

test('only its own name contains break-glass', () => {
  const containing = actionNames.filter((name) => namedAction(name)?.actions.includes('break-glass'))
  assert.deepEqual(containing, ['secrets:read-break-glass'])
})

test('every name in the list is understood, and speaks of some kind', () => {
  assert.ok(actionNames.every((name) => (namedAction(name)?.kinds.length ?? 0) > 0))
  assert.equal(new Set(actionNames).size, actionNames.length)
})

test('names of other kinds do not touch secrets', () => {
  assert.deepEqual(namedAction('policies:write'), { kinds: ['policy'], actions: ['create', 'update'] })
  assert.deepEqual(namedAction('engines:read'), { kinds: ['engine'], actions: ['read', 'list'] })
  assert.deepEqual(namedAction('audit:read'), { kinds: resourceKinds, actions: ['audit-read'] })
})

for (const name of ['', ':', 'secrets', 'secrets:', ':read', 'secrets:Read', 'secrets:read ', 'secret:read', 'toString:read', 'secrets:toString', '**', 'secrets:reveal,list']) {
  test(`${JSON.stringify(name)} is no action`, () => assert.equal(namedAction(name), undefined))
}

test('masks keep kinds apart', () => {
  const masks = masksOf([{ kinds: ['secret'], actions: ['read', 'list'] }, { kinds: ['policy'], actions: ['update'] }])
  assert.equal(masks[kindIndex('secret')], actionBit('read') | actionBit('list'))
  assert.equal(masks[kindIndex('policy')], actionBit('update'))
  assert.equal(masks[kindIndex('token')], 0)
})
