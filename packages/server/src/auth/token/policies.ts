// Which policies a new token gets: Vault's rules of subsets, roles and the policy `default`. Pure.

import { fail } from '../../kernel/errors.ts'
import type { TokenRole } from './records.ts'

const UNASSIGNABLE: ReadonlySet<string> = new Set(['response-wrapping', 'control-group'])

export interface PolicyWishes {
  readonly policies: readonly string[]
  readonly noDefaultPolicy: boolean
  readonly parent: readonly string[]
  /** The parent belongs to another organization than the token is made in. */
  readonly foreignParent: boolean
  readonly isSudo: boolean
  readonly role: TokenRole | undefined
}

const bad = (code: string, message: string): Error => fail('invalid_request', code, message, { field: 'policies' })

/** Lower case, trimmed, once each, sorted; root swallows the rest. */
export const sanitizePolicies = (policies: readonly string[], addDefault: boolean): readonly string[] => {
  const names = [...new Set(policies.map((name) => name.trim().toLowerCase()).filter((name) => name !== ''))]
  if (names.includes('root')) return ['root']
  if (addDefault && !names.includes('default')) names.push('default')
  return names.sort()
}

/** `*` at the start, at the end or both. */
export const globs = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) => {
    const start = pattern.startsWith('*')
    const end = pattern.endsWith('*')
    const core = pattern.slice(start ? 1 : 0, end && pattern.length > 1 ? -1 : undefined)
    if (start && end) return name.includes(core)
    if (start) return name.endsWith(core)
    return end ? name.startsWith(core) : name === pattern
  })

const quoted = (names: readonly string[]): string => `[${names.map((name) => JSON.stringify(name)).join(' ')}]`

const restricts = (role: TokenRole): boolean => [role.allowedPolicies, role.disallowedPolicies, role.allowedPoliciesGlob, role.disallowedPoliciesGlob].some((list) => list.length > 0)

const byRole = (role: TokenRole, wishes: PolicyWishes): readonly string[] => {
  const addDefault = !wishes.noDefaultPolicy && !role.tokenNoDefaultPolicy && !role.disallowedPolicies.includes('default') && !globs(role.disallowedPoliciesGlob, 'default')
  let names = wishes.policies.length > 0 ? sanitizePolicies(wishes.policies, addDefault) : []
  if (role.allowedPolicies.length > 0 || role.allowedPoliciesGlob.length > 0) {
    const allowed = sanitizePolicies(role.allowedPolicies, addDefault)
    if (names.length === 0) names = allowed
    else if (!names.every((name) => allowed.includes(name) || globs(role.allowedPoliciesGlob, name))) {
      throw bad('token.role_policies', `token policies (${quoted(names)}) must be subset of the role's allowed policies (${quoted(allowed)}) or glob policies (${quoted(role.allowedPoliciesGlob)})`)
    }
  } else if (names.length === 0) names = sanitizePolicies(wishes.parent, addDefault)
  const refused = names.find((name) => role.disallowedPolicies.includes(name) || globs(role.disallowedPoliciesGlob, name))
  if (refused !== undefined) throw bad('token.role_disallows', `token policy ${JSON.stringify(refused)} is disallowed by this role`)
  return names
}

const withoutRole = (wishes: PolicyWishes): readonly string[] => {
  if (wishes.foreignParent) return sanitizePolicies(wishes.policies, !wishes.noDefaultPolicy)
  if (wishes.policies.length === 0) return sanitizePolicies(wishes.parent, false)
  if (wishes.isSudo) return sanitizePolicies(wishes.policies, !wishes.noDefaultPolicy)
  const wanted = sanitizePolicies(wishes.policies, false)
  const held = sanitizePolicies(wishes.parent, false)
  if (!held.includes('root') && !wanted.every((name) => held.includes(name))) throw bad('token.not_subset', 'child policies must be subset of parent')
  return sanitizePolicies(wanted, !wishes.noDefaultPolicy && held.includes('default'))
}

/** @throws invalid_request in Vault's words */
export const policiesOf = (wishes: PolicyWishes): readonly string[] => {
  const chosen = wishes.role !== undefined && restricts(wishes.role) ? byRole(wishes.role, wishes) : withoutRole(wishes)
  const policies = wishes.noDefaultPolicy ? chosen.filter((name) => name !== 'default') : chosen
  const internal = policies.find((name) => UNASSIGNABLE.has(name))
  if (internal !== undefined) throw bad('token.internal_policy', `cannot assign policy ${JSON.stringify(internal)}`)
  if (policies.includes('root')) {
    if (wishes.foreignParent) throw bad('token.root_policy', 'root tokens may not be created from a parent namespace')
    if (!wishes.parent.includes('root')) throw bad('token.root_policy', 'root tokens may not be created without parent token being root')
  }
  return policies
}
