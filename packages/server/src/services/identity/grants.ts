// Who there is and what they are granted: principals, role bindings and policies. Every change tells the feed `grants`,
// upon which every worker forgets what it compiled for the organization.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { isUniqueViolation, type Queryable } from '../../kernel/storage.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { BindingRow, PolicyKind, PolicyRow, PrincipalKind, PrincipalRow } from '../../kernel/identity.ts'
import * as repository from './grants-repository.ts'
import type { TokenKeys, TokenPorts } from './tokens.ts'

/** What the feed calls a change of what somebody is granted. The key is not used: everything compiled for the organization goes. */
export const GRANTS_CHANGED = 'grants'

export const newPrincipal = (kind: PrincipalKind, name: string, at: number): PrincipalRow => ({ principalId: makeUuidV7(at), kind, name, displayName: name, policies: [], disabled: false, metadata: {}, mergedIds: [], createdAt: at, updatedAt: at, rowVersion: 1 })

/** The principal of this name, made when it does not exist, and whether it was. Part of the caller's transaction. */
export const ensurePrincipal = async (keys: TokenKeys, tx: Queryable, orgId: string, { kind, name, at }: { readonly kind: PrincipalKind; readonly name: string; readonly at: number }): Promise<{ readonly principal: PrincipalRow; readonly made: boolean }> => {
  const fresh = newPrincipal(kind, name, at)
  if (await repository.insertPrincipal(tx, orgId, fresh, keys.purpose('rows'))) return { principal: fresh, made: true }
  const principal = await repository.findPrincipal(tx, orgId, kind, name, keys.purposeVersions('rows'))
  if (principal === undefined) throw fail('conflict', 'principal.removed', `The principal ${quote(name)} was removed meanwhile. Try again.`)
  return { principal, made: false }
}

export interface BindingCommand {
  readonly principalId: string
  readonly role: string
  readonly mountId: string | undefined
  readonly environment: string | undefined
}

/** Binds a role; the same binding twice is one. Part of the caller's transaction. */
export const ensureBinding = async (keys: TokenKeys, tx: Queryable, orgId: string, command: BindingCommand & { readonly at: number }): Promise<BindingRow> => {
  const existing = await repository.listBindings(tx, orgId, command.principalId, 1000, keys.purposeVersions('rows'))
  const same = existing.find((binding) => binding.role === command.role && binding.mountId === command.mountId && binding.environment === command.environment)
  if (same !== undefined) return same
  const binding: BindingRow = { bindingId: makeUuidV7(command.at), principalId: command.principalId, groupId: undefined, role: command.role, mountId: command.mountId, environment: command.environment, rowVersion: 1 }
  await repository.insertBinding(tx, orgId, binding, keys.purpose('rows'))
  return binding
}

export const createPrincipal = async (ports: TokenPorts, _grant: Grant, call: Call, command: { readonly kind: PrincipalKind; readonly name: string }): Promise<PrincipalRow> => {
  const keys = await ports.keys(call.orgId)
  const row = newPrincipal(command.kind, command.name, Math.trunc(call.now()))
  return auditedWrite(ports.database, call, {}, async (tx, note) => {
    if (!(await repository.insertPrincipal(tx, call.orgId, row, keys.purpose('rows')))) throw fail('conflict', 'principal.exists', `There is a principal ${quote(command.name)} already.`, { field: 'name' })
    note(GRANTS_CHANGED, row.principalId)
    return row
  })
}

export const listPrincipals = async (ports: TokenPorts, _grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly PrincipalRow[]> => {
  const keys = await ports.keys(call.orgId)
  return ports.database.transaction(call.orgId, (tx) => repository.listPrincipals(tx, call.orgId, page, keys.purposeVersions('rows')), { readOnly: true })
}

export const bindRole = async (ports: TokenPorts, _grant: Grant, call: Call, command: BindingCommand): Promise<BindingRow> => {
  const keys = await ports.keys(call.orgId)
  return auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    const principal = await repository.findPrincipalById(tx, call.orgId, command.principalId, keys.purposeVersions('rows'))
    if (principal === undefined) throw fail('not_found', 'principal.not_found', 'There is no principal with this id.', { field: 'principal' })
    note(GRANTS_CHANGED, command.principalId)
    return ensureBinding(keys, tx, call.orgId, { ...command, at: call.now() })
  })
}

export const unbindRole = async (ports: TokenPorts, _grant: Grant, call: Call, bindingId: string): Promise<void> => {
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    if (!(await repository.deleteBinding(tx, call.orgId, bindingId))) throw fail('not_found', 'binding.not_found', 'There is no such role binding.')
    note(GRANTS_CHANGED, bindingId)
  })
}

export const findBinding = async (ports: TokenPorts, call: Call, bindingId: string): Promise<BindingRow | undefined> => {
  const keys = await ports.keys(call.orgId)
  return ports.database.transaction(call.orgId, (tx) => repository.findBinding(tx, call.orgId, bindingId, keys.purposeVersions('rows')), { readOnly: true })
}

/** Takes away what was granted in an environment that goes: roles, and tokens locked to it. Part of the caller's transaction. */
export const releaseEnvironment = (tx: Queryable, orgId: string, environment: { readonly mountId: string; readonly slug: string }): Promise<readonly string[]> => repository.releaseEnvironment(tx, orgId, environment)

/** @throws not_found */
export const requireBinding = async (ports: TokenPorts, call: Call, bindingId: string): Promise<BindingRow> => {
  const found = await findBinding(ports, call, bindingId)
  if (found === undefined) throw fail('not_found', 'binding.not_found', 'There is no such role binding.')
  return found
}

export const listBindings = async (ports: TokenPorts, _grant: Grant, call: Call, principalId: string | undefined): Promise<readonly BindingRow[]> => {
  const keys = await ports.keys(call.orgId)
  return ports.database.transaction(call.orgId, (tx) => repository.listBindings(tx, call.orgId, principalId, 1000, keys.purposeVersions('rows')), { readOnly: true })
}

/** Every policy of an organization, each row's MAC checked. For compilation, through a cache. */
export const loadPolicies = async (ports: TokenPorts, orgId: string): Promise<readonly PolicyRow[]> => {
  const keys = await ports.keys(orgId)
  return ports.database.transaction(orgId, (tx) => repository.loadPolicies(tx, orgId, keys.purposeVersions('rows')), { readOnly: true })
}

/** Writes a policy whose body was parsed before. */
export const putPolicy = async (ports: TokenPorts, _grant: Grant, call: Call, command: { readonly kind: PolicyKind; readonly name: string; readonly body: string }): Promise<PolicyRow> => {
  const keys = await ports.keys(call.orgId)
  const write = () => auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    const existing = await repository.lockPolicy(tx, call.orgId, command, keys.purposeVersions('rows'))
    const at = Math.trunc(call.now())
    const row: PolicyRow = { policyId: existing?.policyId ?? makeUuidV7(at), kind: command.kind, name: command.name, body: command.body, createdAt: existing?.createdAt ?? at, updatedAt: at, rowVersion: (existing?.rowVersion ?? 0) + 1 }
    await repository.putPolicy(tx, call.orgId, row, keys.purpose('rows'))
    note(GRANTS_CHANGED, row.policyId)
    return row
  })
  try {
    return await write()
  } catch (error) {
    // Somebody made a policy of this name a moment before: now it is there to be replaced.
    if (isUniqueViolation(error, 'policies_name')) return write()
    throw error
  }
}

export const deletePolicy = async (ports: TokenPorts, _grant: Grant, call: Call, kind: PolicyKind, name: string): Promise<void> => {
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    if (!(await repository.deletePolicy(tx, call.orgId, kind, name))) throw fail('not_found', 'policy.not_found', `There is no policy ${quote(name)}.`)
    note(GRANTS_CHANGED, name)
  })
}
