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

const newPrincipal = (kind: PrincipalKind, name: string, at: number): PrincipalRow => ({ principalId: makeUuidV7(at), kind, name, displayName: name, policies: [], disabled: false, metadata: {}, createdAt: at, rowVersion: 1 })

/** The principal of this name, made when it does not exist. Part of the caller's transaction. */
export const ensurePrincipal = async (keys: TokenKeys, tx: Queryable, orgId: string, principal: { readonly kind: PrincipalKind; readonly name: string; readonly at: number }): Promise<PrincipalRow> => {
  const found = await repository.findPrincipal(tx, orgId, principal.kind, principal.name, keys.purposeVersions('rows'))
  if (found !== undefined) return found
  const made = newPrincipal(principal.kind, principal.name, principal.at)
  await repository.insertPrincipal(tx, orgId, made, keys.purpose('rows'))
  return made
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
  const row = newPrincipal(command.kind, command.name, call.now())
  try {
    return await auditedWrite(ports.database, call, { status: 201 }, async (tx, note) => {
      await repository.insertPrincipal(tx, call.orgId, row, keys.purpose('rows'))
      note(GRANTS_CHANGED, row.principalId)
      return row
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw fail('conflict', 'principal.exists', `There is a principal ${quote(command.name)} already.`, { field: 'name', cause: error })
    throw error
  }
}

export const listPrincipals = (ports: TokenPorts, _grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly PrincipalRow[]> =>
  ports.database.transaction(call.orgId, (tx) => repository.listPrincipals(tx, call.orgId, page.after, page.limit), { readOnly: true })

export const bindRole = async (ports: TokenPorts, _grant: Grant, call: Call, command: BindingCommand): Promise<BindingRow> => {
  const keys = await ports.keys(call.orgId)
  return auditedWrite(ports.database, call, { status: 201, confirm: true }, async (tx, note) => {
    note(GRANTS_CHANGED, command.principalId)
    return ensureBinding(keys, tx, call.orgId, { ...command, at: call.now() })
  })
}

export const unbindRole = async (ports: TokenPorts, _grant: Grant, call: Call, bindingId: string): Promise<void> => {
  await auditedWrite(ports.database, call, { status: 200, confirm: true }, async (tx, note) => {
    if (!(await repository.deleteBinding(tx, call.orgId, bindingId))) throw fail('not_found', 'binding.not_found', 'There is no such role binding.')
    note(GRANTS_CHANGED, bindingId)
  })
}

export const listBindings = async (ports: TokenPorts, _grant: Grant, call: Call, principalId: string | undefined): Promise<readonly BindingRow[]> => {
  const keys = await ports.keys(call.orgId)
  return ports.database.transaction(call.orgId, (tx) => repository.listBindings(tx, call.orgId, principalId, 1000, keys.purposeVersions('rows')), { readOnly: true })
}

/** Every policy of an organization, each row's MAC checked. For compilation, through a cache. */
export const loadPolicies = async (ports: TokenPorts, orgId: string): Promise<readonly PolicyRow[]> => {
  const keys = await ports.keys(orgId)
  return ports.database.transaction(orgId, (tx) => repository.loadPolicies(tx, orgId, undefined, keys.purposeVersions('rows')), { readOnly: true })
}

/** Writes a policy whose body was parsed before. */
export const putPolicy = async (ports: TokenPorts, _grant: Grant, call: Call, command: { readonly kind: PolicyKind; readonly name: string; readonly body: string }): Promise<PolicyRow> => {
  const keys = await ports.keys(call.orgId)
  return auditedWrite(ports.database, call, { status: 200, confirm: true }, async (tx, note) => {
    const existing = (await repository.loadPolicies(tx, call.orgId, command.kind, keys.purposeVersions('rows'))).find((policy) => policy.name === command.name)
    const at = call.now()
    const row: PolicyRow = { policyId: existing?.policyId ?? makeUuidV7(at), kind: command.kind, name: command.name, body: command.body, createdAt: existing?.createdAt ?? at, updatedAt: at, rowVersion: (existing?.rowVersion ?? 0) + 1 }
    await repository.putPolicy(tx, call.orgId, row, keys.purpose('rows'))
    note(GRANTS_CHANGED, row.policyId)
    return row
  })
}

export const deletePolicy = async (ports: TokenPorts, _grant: Grant, call: Call, kind: PolicyKind, name: string): Promise<void> => {
  await auditedWrite(ports.database, call, { status: 200, confirm: true }, async (tx, note) => {
    if (!(await repository.deletePolicy(tx, call.orgId, kind, name))) throw fail('not_found', 'policy.not_found', `There is no policy ${quote(name)}.`)
    note(GRANTS_CHANGED, name)
  })
}
