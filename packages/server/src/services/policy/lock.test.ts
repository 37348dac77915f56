// Locked tokens: whatever their rules grant, nothing outside the project or environment is reached.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAclPolicy } from './acl/parse.ts'
import { secretResource } from './actions.ts'
import { compilePrincipal } from './compiled.ts'
import { capabilities, decide } from './decide.ts'
import type { FineAction, PolicyResource, PrincipalView, RequestContext } from './types.ts'

const context: RequestContext = { mfa: true, time: 0, door: 'rest' }
const everything = parseAclPolicy('path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }', 'all')

const allowed = (lock: PrincipalView['lock'], action: FineAction, resource: PolicyResource, root = false): boolean => {
  const compiled = compilePrincipal({ principal: { id: 'p', names: [], root, lock }, aclPolicies: [everything], jsonPolicies: [], roleBindings: [] })
  const decision = decide(compiled, action, resource, context)
  if (!decision.allow) assert.equal(decision.rule, 'token-lock')
  return decision.allow
}

const secret = (project: string, environment: string, action: FineAction = 'reveal'): PolicyResource =>
  secretResource(action, { project, environment, path: 'a', protected: false })

const toProject = { project: 'secret' }
const toStaging = { project: 'secret', environment: 'staging' }

for (const [lock, project, environment, expected] of [
  [toProject, 'secret', 'prod', true],
  [toProject, 'billing', 'prod', false],
  [toProject, 'secret/sub', 'prod', false],
  [toStaging, 'secret', 'staging', true],
  [toStaging, 'secret', 'prod', false],
  [toStaging, 'secret', 'staging2', false],
  [toStaging, 'billing', 'staging', false],
] as const) {
  test(`locked to ${JSON.stringify(lock)}: ${project} ${environment} is ${expected ? 'open' : 'shut'}`, () => {
    for (const action of ['reveal', 'list', 'update', 'destroy'] as const) {
      assert.equal(allowed(lock, action, secret(project, environment, action)), expected)
      assert.equal(allowed(lock, action, secret(project, environment, action), true), expected, 'root is bound by its lock too')
    }
  })
}

const project: PolicyResource = { kind: 'project', apiPath: 'sys/mounts/secret', project: 'secret' }

test('a token locked to an environment sees that its project exists, and changes nothing of it', () => {
  assert.equal(allowed(toStaging, 'read', project), true)
  assert.equal(allowed(toStaging, 'list', project), true)
  assert.equal(allowed(toStaging, 'administer', project), false)
  assert.equal(allowed(toStaging, 'delete', project), false)
  assert.equal(allowed(toProject, 'administer', project), true)
})

test('a secret whose environment is not known is outside a lock to one', () => {
  assert.equal(allowed(toStaging, 'list', { kind: 'secret', apiPath: 'secret/metadata/', project: 'secret' }), false)
})

for (const [kind, apiPath, expected] of [
  ['policy', 'sys/policies/acl/x', false],
  ['system', 'sys/mounts', false],
  ['system', 'sys/raw/x', false],
  ['platform', 'sys/seal', false],
  ['identity', 'identity/entity', false],
  ['audit', 'sys/audit', false],
  ['engine', 'database/creds/x', false],
  ['engine', 'cubbyhole/x', true],
  ['token', 'auth/token/lookup-self', true],
  ['token', 'auth/approle/role/x', false],
  ['system', 'sys/capabilities-self', true],
  ['system', 'sys/capabilities', true],
  ['system', 'sys/capabilities-accessor', false],
  ['system', 'sys/internal/ui/mounts/secret', true],
  ['token', 'auth/token/create/role', true],
  ['token', 'auth/token/accessors/', false],
  ['token', 'auth/token/lookup-accessor', false],
  ['token', 'auth/token/revoke-accessor', false],
  ['token', 'auth/token/revoke-orphan', false],
  ['token', 'auth/token/roles/x', false],
  ['token', 'auth/token/tidy', false],
  ['lease', 'sys/leases/renew', true],
  ['lease', 'sys/leases/lookup/auth/', false],
  ['lease', 'sys/leases/revoke-prefix/auth', false],
  ['lease', 'sys/leases/revoke-force/auth', false],
  ['lease', 'sys/leases/tidy', false],
  ['system', 'sys/wrapping/unwrap', true],
] as const) {
  test(`outside all projects ${apiPath} is ${expected ? 'open' : 'shut'} to a locked token`, () => {
    assert.equal(allowed(toProject, 'update', { kind, apiPath }), expected)
  })
}

test('capabilities of a locked token end at the lock', () => {
  const compiled = compilePrincipal({ principal: { id: 'p', names: [], root: true, lock: toProject }, aclPolicies: [], jsonPolicies: [], roleBindings: [] })
  assert.deepEqual(capabilities(compiled, secret('secret', 'prod'), context), ['root'])
  assert.deepEqual(capabilities(compiled, secret('billing', 'prod'), context), ['deny'])
})
