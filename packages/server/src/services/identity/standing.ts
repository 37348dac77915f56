// What it is to be somebody, or in some group: the names that JSON policies call one by, and the roles. Whoever changes who is behind a
// principal or a group - members, parents, aliases, names, merges - gives and takes exactly this, so one rule is asked here for all of them.
// What ACL policies an entity or a group has is not in it: that is given by whoever may write there, as in Vault.

import { principalNames, type BindingRow, type PrincipalKind, type PrincipalRow } from '../../kernel/identity.ts'
import type { Change } from './change.ts'
import { bindingsOf, grantsOf } from './grants-repository.ts'
import { findGroups, groupsAbove } from './groups/repository.ts'
import { mayMakeOwners, requireBindable } from './issue.ts'

export interface Standing {
  readonly names: readonly string[]
  readonly bindings: readonly BindingRow[]
}

/** A statement of a JSON policy that is about one of the names that were asked for. */
export interface NamedStatement {
  readonly policy: string
  /** Tells it from every other one. */
  readonly rule: string
  readonly denies: boolean
  /** Its principals that fit. */
  readonly fitting: readonly string[]
}

export const nobody: Standing = { names: [], bindings: [] }

const NO_LOCK = { lockEnvironment: undefined }

export const standingOf = async ({ call: { orgId }, tx, keys }: Change, principal: PrincipalRow): Promise<Standing> => {
  const { groups, bindings } = await grantsOf(tx, orgId, principal.principalId, keys.purposeVersions('rows'))
  return { names: [...principalNames(principal, NO_LOCK), ...groups.map(({ name }) => groupName(name))], bindings }
}

export const groupName = (name: string): string => `group:${name}`

/** What a member of a group has by it: also what the groups give that it is in. */
export const standingInGroup = async ({ call: { orgId }, tx, keys }: Change, groupId: string): Promise<Standing> => {
  const versions = keys.purposeVersions('rows')
  const groupIds = await groupsAbove(tx, orgId, [groupId])
  return { names: (await findGroups(tx, orgId, groupIds, versions)).map(({ name }) => groupName(name)), bindings: await bindingsOf(tx, orgId, { groupIds }, versions) }
}

export const named = (principal: Pick<PrincipalRow, 'kind' | 'name'>): Standing => ({ names: principalNames(principal, NO_LOCK), bindings: [] })

const KINDS_BY_LOGIN: readonly PrincipalKind[] = ['user', 'workload']

/** Whoever logs in by an alias that nobody has: a principal that the login makes, of the kind that its method says. */
export const newcomers = async ({ ports, call: { orgId } }: Pick<Change, 'ports' | 'call'>, { mountId, name }: { readonly mountId: string; readonly name: string }): Promise<readonly Standing[]> => {
  const path = mountId === orgId ? 'auth/token' : (await ports.registry(orgId)).mountById(mountId)?.path
  return path === undefined ? [nobody] : KINDS_BY_LOGIN.map((kind) => named({ kind, name: `${path}/${name}` }))
}

/**
 * Somebody who had one standing has another. It takes the right to write each JSON policy of which a statement begins or ceases to be about them, a
 * deny too, and the right to bind each role that they get or lose; or the right to make owners of the organization, which is all of these.
 * @throws permission_denied
 */
export const requireTurn = async ({ ports, call }: Pick<Change, 'ports' | 'call'>, before: Standing, after: Standing): Promise<void> => {
  if (mayMakeOwners(call)) return
  const [had, have] = [await ports.statementsNaming(call.orgId, before.names), await ports.statementsNaming(call.orgId, after.names)]
  requirePolicies(call, [...without(had, have, ruleOf), ...without(have, had, ruleOf)])
  for (const binding of [...without(before.bindings, after.bindings, idOf), ...without(after.bindings, before.bindings, idOf)]) await requireBindable(ports, call, binding)
}

const OF_A_KIND = /^(user|service|workload):\*$/

/**
 * Nobody is it any more. What was allowed is lost, which is harmless; but whoever was denied something and comes back under another name is not,
 * and owners are ended by those who may make some. What is denied to everybody of a kind meets whoever comes back.
 * @throws permission_denied
 */
export const requireEnd = async ({ ports, call }: Pick<Change, 'ports' | 'call'>, { names, bindings }: Standing): Promise<void> => {
  if (mayMakeOwners(call)) return
  const shed = (await ports.statementsNaming(call.orgId, names)).filter(({ denies, fitting }) => denies && fitting.some((each) => !OF_A_KIND.test(each)))
  requirePolicies(call, shed)
  for (const binding of bindings) if (binding.role === 'owner') await requireBindable(ports, call, binding)
}

const requirePolicies = (call: Change['call'], statements: readonly NamedStatement[]): void => {
  for (const policy of new Set(statements.map((each) => each.policy))) call.authorise('administer', { kind: 'policy', apiPath: `sys/policies/json/${policy}` })
}

const ruleOf = ({ rule }: NamedStatement): string => rule
const idOf = ({ bindingId }: BindingRow): string => bindingId

const without = <T>(these: readonly T[], those: readonly T[], keyOf: (each: T) => string): readonly T[] => {
  const known = new Set(those.map(keyOf))
  return these.filter((each) => !known.has(keyOf(each)))
}
