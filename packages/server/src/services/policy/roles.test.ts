// The built-in roles, as the whole table of what each may do: any change to it has to be made here too.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCofferError } from '../../kernel/errors.ts'
import { fineActions, resourceKinds, secretResource } from './actions.ts'
import { compileRole, roleBinding, roleCovers, roleNames } from './roles.ts'
import type { FineAction, PolicyResource, ResourceKind, Role, RoleScope } from './types.ts'

const everywhere: RoleScope = { level: 'organization' }

const granted = (role: Role, resource: (action: FineAction) => PolicyResource, scope: RoleScope = everywhere): readonly FineAction[] => {
  const compiled = compileRole(roleBinding(role, scope))
  return fineActions.filter((action) => roleCovers(compiled, action, resource(action)))
}

const secret = (isProtected: boolean) => (action: FineAction): PolicyResource =>
  secretResource(action, { project: 'secret', environment: 'prod', path: 'a', protected: isProtected })

const look: readonly FineAction[] = ['list', 'read']
const all = fineActions.filter((action) => action !== 'break-glass')
const write: readonly FineAction[] = ['create', 'update', 'delete', 'undelete', 'rotate']

for (const [role, open, shut] of [
  ['auditor', [...look, 'audit-read'], [...look, 'audit-read']],
  ['reader', [...look, 'reveal'], look],
  ['developer', [...look, 'reveal', ...write], look],
  ['admin', all, all.filter((action) => action !== 'destroy')],
  ['owner', all, all],
  ['billing', [], []],
] as const) {
  test(`${role} on secrets outside protected environments`, () => assert.deepEqual([...granted(role, secret(false))].sort(), [...open].sort()))
  test(`${role} on secrets in protected environments`, () => assert.deepEqual([...granted(role, secret(true))].sort(), [...shut].sort()))
}

test('break-glass is in no role, on no kind of resource', () => {
  for (const name of roleNames) {
    for (const kind of resourceKinds) {
      assert.ok(!granted(roleBinding(name, everywhere).role, () => ({ kind, apiPath: 'x', protected: false })).includes('break-glass'), `${name} ${kind}`)
    }
  }
})

test('not knowing whether an environment is protected counts as protected', () => {
  const unknown = (action: FineAction): PolicyResource => ({ ...secret(false)(action), protected: undefined })
  assert.deepEqual(granted('reader', unknown), look)
  assert.ok(!granted('admin', unknown).includes('destroy'))
})

const onKind = (role: Role, kind: ResourceKind): readonly FineAction[] => granted(role, () => ({ kind, apiPath: 'x', protected: false }))

test('changes of owners are for owners', () => {
  assert.deepEqual(onKind('admin', 'owner'), look)
  assert.deepEqual(onKind('owner', 'owner'), all)
  assert.deepEqual(onKind('developer', 'owner'), [])
})

test('billing sees bills and nothing else', () => {
  assert.deepEqual(resourceKinds.filter((kind) => onKind('billing', kind).length > 0), ['billing'])
  assert.deepEqual(onKind('billing', 'billing'), look)
})

test('no role reaches the platform', () => {
  for (const name of roleNames) assert.deepEqual(onKind(roleBinding(name, everywhere).role, 'platform'), [], name)
})

test('roles that only look do not reach engines, where reading makes credentials', () => {
  for (const role of ['auditor', 'reader', 'developer', 'billing'] as const) assert.deepEqual(onKind(role, 'engine'), [], role)
  assert.deepEqual(onKind('admin', 'engine'), all)
})

test('an auditor reads policies, tokens and the trail, and changes none of them', () => {
  for (const kind of ['policy', 'token', 'audit', 'identity'] as const) assert.deepEqual([...onKind('auditor', kind)].sort(), [...look, 'audit-read'].sort())
})

test('a reader does not read policies', () => assert.deepEqual(onKind('reader', 'policy'), []))

const at = (project: string | undefined, environment: string | undefined): PolicyResource =>
  ({ kind: 'secret', apiPath: 'x', project, environment, path: 'a', protected: false })

for (const [scope, project, environment, expected] of [
  [everywhere, 'secret', 'prod', true],
  [everywhere, undefined, undefined, true],
  [{ level: 'project', project: 'secret' }, 'secret', 'prod', true],
  [{ level: 'project', project: 'secret' }, 'secret', undefined, true],
  [{ level: 'project', project: 'secret' }, 'billing', 'prod', false],
  [{ level: 'project', project: 'secret' }, undefined, undefined, false],
  [{ level: 'environment', project: 'secret', environment: 'dev' }, 'secret', 'dev', true],
  [{ level: 'environment', project: 'secret', environment: 'dev' }, 'secret', 'prod', false],
  [{ level: 'environment', project: 'secret', environment: 'dev' }, 'billing', 'dev', false],
  [{ level: 'environment', project: 'secret', environment: 'dev' }, 'secret', undefined, false],
] as const) {
  test(`a role on ${JSON.stringify(scope)} ${expected ? 'covers' : 'does not cover'} ${String(project)}, ${String(environment)}`, () => {
    assert.equal(roleCovers(compileRole(roleBinding('owner', scope)), 'reveal', at(project, environment)), expected)
  })
}

test('a role names itself and its scope', () => {
  assert.equal(compileRole(roleBinding('reader', everywhere)).rule, 'role:reader@organization')
  assert.equal(compileRole(roleBinding('reader', { level: 'project', project: 'p' })).rule, 'role:reader@project:p')
  assert.equal(compileRole(roleBinding('reader', { level: 'environment', project: 'p', environment: 'e' })).rule, 'role:reader@environment:p/e')
})

for (const name of ['', 'root', 'Owner', 'toString', '__proto__']) {
  test(`${JSON.stringify(name)} is no role`, () => {
    assert.throws(() => roleBinding(name, everywhere), (error) => isCofferError(error) && error.code === 'policy.role_unknown')
  })
}
