// Built-in roles as rules. A role never denies, and none contains break-glass. What a role may do in a
// protected environment is a column of its own, so that the difference can be read here and nowhere else.

import { fail, quote } from '../../kernel/errors.ts'
import { actionBit, fineActions, kindIndex, masksOf, resourceKinds, type ActionMasks } from './actions.ts'
import type { FineAction, PolicyResource, ResourceKind, Role, RoleBinding, RoleScope } from './types.ts'

interface RoleRule {
  readonly kinds: readonly ResourceKind[]
  readonly actions: readonly FineAction[]
  /** In a protected environment, where that differs. */
  readonly inProtected?: readonly FineAction[]
}

const look: readonly FineAction[] = ['list', 'read']
const all: readonly FineAction[] = fineActions.filter((action) => action !== 'break-glass')
const allButDestroy = all.filter((action) => action !== 'destroy')

// Reading an engine can make a credential (`database/creds/x`), so roles that only look do not reach engines.
const lookable = resourceKinds.filter((kind) => kind !== 'engine' && kind !== 'platform')
const places: readonly ResourceKind[] = ['environment', 'project', 'organization']
/** Sealing and organizations belong to no role. */
const governed = resourceKinds.filter((kind) => kind !== 'platform')
const governedButOwners = governed.filter((kind) => kind !== 'owner')

export const roleRules: Readonly<Record<Role, readonly RoleRule[]>> = Object.freeze({
  auditor: [{ kinds: lookable, actions: [...look, 'audit-read'] }],
  reader: [
    { kinds: ['secret'], actions: [...look, 'reveal'], inProtected: look },
    { kinds: places, actions: look },
  ],
  developer: [
    { kinds: ['secret'], actions: [...look, 'reveal', 'create', 'update', 'delete', 'undelete', 'rotate'], inProtected: look },
    { kinds: places, actions: look },
  ],
  admin: [
    { kinds: governedButOwners, actions: all, inProtected: allButDestroy },
    { kinds: ['owner'], actions: look },
  ],
  owner: [{ kinds: governed, actions: all }],
  billing: [{ kinds: ['billing'], actions: look }],
})

export const roleNames: readonly string[] = Object.freeze(Object.keys(roleRules))

const isRole = (name: string): name is Role => Object.hasOwn(roleRules, name)

/** Binds a role by name to a scope. @throws invalid_request for a role that does not exist. */
export const roleBinding = (role: string, scope: RoleScope): RoleBinding => {
  if (!isRole(role)) throw fail('invalid_request', 'policy.role_unknown', `There is no role ${quote(role)}. Roles are ${roleNames.join(', ')}.`, { field: 'role' })
  return { role, scope }
}

export interface CompiledRole {
  readonly rule: string
  readonly scope: RoleScope
  readonly open: ActionMasks
  readonly inProtected: ActionMasks
}

const masks: ReadonlyMap<string, Pick<CompiledRole, 'open' | 'inProtected'>> = new Map(
  Object.entries(roleRules).map(([role, rules]) => [role, {
    open: masksOf(rules),
    inProtected: masksOf(rules.map((rule) => ({ kinds: rule.kinds, actions: rule.inProtected ?? rule.actions }))),
  }]),
)

export const compileRole = ({ role, scope }: RoleBinding): CompiledRole => {
  const { open, inProtected } = masks.get(role) ?? { open: [], inProtected: [] }
  return { rule: `role:${role}@${scopeText(scope)}`, scope, open, inProtected }
}

const scopeText = (scope: RoleScope): string => {
  if (scope.level === 'organization') return 'organization'
  return scope.level === 'project' ? `project:${scope.project}` : `environment:${scope.project}/${scope.environment}`
}

/** Only kinds that live in an environment can be protected; for them, not knowing counts as protected. */
const isProtected = (resource: PolicyResource): boolean =>
  resource.protected ?? (resource.kind === 'secret' || resource.kind === 'environment')

export const roleCovers = (role: CompiledRole, action: FineAction, resource: PolicyResource): boolean => {
  const granted = (isProtected(resource) ? role.inProtected : role.open)[kindIndex(resource.kind)] ?? 0
  return (granted & actionBit(action)) !== 0 && isInScope(role.scope, resource)
}

const isInScope = (scope: RoleScope, resource: PolicyResource): boolean => {
  if (scope.level === 'organization') return true
  if (scope.project !== resource.project) return false
  return scope.level === 'project' || scope.environment === resource.environment
}
