// Making a token for a service account or a person, with the role that it is to have. Nobody may give more than they
// could bind themselves: a token is not a way around role bindings.

import type { Call, Grant, Resource } from '../../kernel/call.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Issued, IssueCommand } from '../../kernel/ports/access.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { principalNames, type PrincipalRow } from '../../kernel/identity.ts'
import type { Transaction } from '../../kernel/storage.ts'
import { ensureBinding, ensurePrincipal, GRANTS_CHANGED } from './grants.ts'
import { parseCidr } from '../../lib/cidr.ts'
import { grantsOf } from './grants-repository.ts'
import type { NamedStatement } from './standing.ts'
import { insert, type TokenKeys, type TokenPorts } from './tokens.ts'

interface Scope {
  readonly mountId: string | undefined
  readonly environment: string | undefined
}

export interface IssuePorts extends TokenPorts {
  shortIdOf(orgId: string): Promise<string | undefined>
  /** Names of JSON policies that grant something to a principal because of one of these names. */
  policiesNaming(orgId: string, names: readonly string[]): Promise<readonly string[]>
  /** Statements of JSON policies, allows and denies, that are about somebody called by one of these names, whatever environment a token of it is locked to. */
  statementsNaming(orgId: string, names: readonly string[]): Promise<readonly NamedStatement[]>
  /** The project of a mount, for the resource that a role binding is about. */
  projectOf(orgId: string, mountId: string): Promise<string | undefined>
}

const bindingResource = (project: string | undefined, environment: string | undefined): Resource => ({ kind: 'identity', apiPath: 'identity/role-bindings', project, environment })
const ownerResource = (project: string | undefined, environment: string | undefined): Resource => ({ kind: 'owner', apiPath: 'identity/owners', project, environment })

/** Whoever may make owners of the organization may give everything in it. */
export const mayMakeOwners = (call: Call): boolean => call.allows('administer', ownerResource(undefined, undefined)).allow

/** @throws permission_denied unless the caller may bind this role there */
export const requireBindable = async (ports: Pick<IssuePorts, 'projectOf'>, call: Call, binding: Scope & { readonly role: string }): Promise<void> => {
  const project = binding.mountId === undefined ? undefined : await ports.projectOf(call.orgId, binding.mountId)
  call.authorise('administer', bindingResource(project, binding.environment))
  if (binding.role === 'owner') call.authorise('administer', ownerResource(project, binding.environment))
}

/** A token made by a locked token is locked at least as narrowly. @throws permission_denied */
const withinLock = (call: Call, scope: Scope): Scope => {
  const lock = call.caller?.lock
  if (lock === undefined) return scope
  const mountId = scope.mountId ?? lock.mountId
  const environment = scope.environment ?? lock.environment
  if (mountId !== lock.mountId || (lock.environment !== undefined && environment !== lock.environment)) throw fail('permission_denied', 'policy.denied', 'A locked token makes only tokens with the same lock or a narrower one.')
  return { mountId, environment }
}

const requirePolicies = (call: Call, policies: readonly string[]): void => {
  for (const name of policies) {
    if (name === 'root') throw fail('invalid_request', 'token.root_policy', 'The policy root cannot be given to a token here.', { field: 'policies' })
    if (call.caller?.root !== true && call.caller?.policies.includes(name) !== true) call.authorise('administer', { kind: 'policy', apiPath: `sys/policies/acl/${name}` })
  }
}

/** Makes a token that lives by itself: it does not end with the token of whoever made it. */
export const issue = async (ports: IssuePorts, grant: Grant, call: Call, given: IssueCommand): Promise<Issued> => {
  const scope = withinLock(call, given)
  const command = { ...given, ...scope }
  if (command.role !== undefined) await requireBindable(ports, call, { role: command.role, ...scope })
  requirePolicies(call, command.policies)
  checkLimits(command)
  await requireNamed(ports, call, command)
  // The record is about the making of the token; what was asked above was only by the way.
  call.audit.rule = grant.rule
  call.audit.resourceType = grant.resource.kind
  const keys = await ports.keys(call.orgId)
  const shortId = await ports.shortIdOf(call.orgId)
  return auditedWrite(ports.database, call, { confirm: command.role !== undefined }, async (tx, note) => {
    const at = Math.trunc(call.now())
    const { principal, made } = await ensurePrincipal(keys, tx, call.orgId, { kind: command.kind, name: command.name, at })
    if (!made) await requireExisting(ports, keys, tx, call, principal)
    if (command.role !== undefined) {
      await ensureBinding(keys, tx, call.orgId, { principalId: principal.principalId, role: command.role, ...scope, at })
      note(GRANTS_CHANGED, principal.principalId)
    }
    const issued = await insert(keys, tx, { orgId: call.orgId, shortId }, tokenOf(command, principal), { at })
    call.audit.resourceId = issued.row.tokenId
    return { ...issued, principal }
  })
}

const tokenOf = (command: IssueCommand, principal: PrincipalRow): Parameters<typeof insert>[3] => ({
  principalId: principal.principalId,
  parentId: undefined,
  displayName: command.name,
  policies: command.policies,
  root: false,
  lockMountId: command.mountId,
  lockEnvironment: command.environment,
  boundCidrs: command.boundCidrs,
  metadata: command.metadata,
  numUses: command.numUses,
  ttlSeconds: command.ttlSeconds,
  explicitMaxTtlSeconds: command.maxTtlSeconds,
  renewable: command.ttlSeconds > 0,
  issuePath: 'tokens',
})

/** A token for somebody who exists already acts with everything that he was given: whoever makes it must be able to give all that. */
const requireExisting = async (ports: IssuePorts, keys: TokenKeys, tx: Transaction, call: Call, principal: PrincipalRow): Promise<void> => {
  if (principal.disabled) throw fail('conflict', 'principal.disabled', `The principal ${quote(principal.name)} is disabled; a token for it would open nothing.`, { field: 'name' })
  const { groups, bindings } = await grantsOf(tx, call.orgId, principal.principalId, keys.purposeVersions('rows'))
  for (const binding of bindings) await requireBindable(ports, call, binding)
  requirePolicies(call, [...principal.policies, ...groups.flatMap((group) => group.policies)])
}

/** JSON policies grant by name: whoever could make a token of any name would have what is granted to it. */
const requireNamed = async (ports: IssuePorts, call: Call, command: IssueCommand): Promise<void> => {
  if (call.caller?.root === true) return
  const names = [...principalNames(command, { lockEnvironment: command.environment }), `token:${command.name}`]
  const naming = await ports.policiesNaming(call.orgId, names)
  if (naming.length === 0) return
  // A lock confines what the names give; whoever may bind roles there could give as much.
  const project = command.mountId === undefined ? undefined : await ports.projectOf(call.orgId, command.mountId)
  if (project !== undefined && call.allows('administer', bindingResource(project, command.environment)).allow) return
  for (const name of naming) call.authorise('administer', { kind: 'policy', apiPath: `sys/policies/json/${name}` })
}

const checkLimits = ({ ttlSeconds, maxTtlSeconds, boundCidrs }: IssueCommand): void => {
  if (maxTtlSeconds > 0 && (ttlSeconds === 0 || ttlSeconds > maxTtlSeconds)) throw fail('invalid_request', 'token.ttl_beyond_max', 'The token would live longer than maxTtl allows. Give a ttl of at most maxTtl.', { field: 'ttl' })
  const wrong = boundCidrs.findIndex((cidr) => parseCidr(cidr) === undefined)
  // Not quoted: what is no range may be anything, a token that was pasted into the wrong field included.
  if (wrong !== -1) throw fail('invalid_request', 'token.bad_cidr', `Entry ${wrong + 1} is not an address range such as 10.0.0.0/8.`, { field: 'boundCidrs' })
}
