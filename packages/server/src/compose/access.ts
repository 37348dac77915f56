// The port over tokens, principals, roles and policies, filled by services/identity and services/policy.

import type { AccessPort } from '../kernel/ports/access.ts'
import type { Call } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { Database } from '../kernel/storage.ts'
import type { OrgRegistry } from '../kernel/tenancy.ts'
import * as grants from '../services/identity/grants.ts'
import { issue, requireBindable, type IssuePorts } from '../services/identity/issue.ts'
import * as tokens from '../services/identity/tokens.ts'
import { lookupById } from '../services/identity/tokens.ts'
import { parseAclPolicy } from '../services/policy/acl/parse.ts'
import { explain } from '../services/policy/explain.ts'
import { parseJsonPolicy } from '../services/policy/json/parse.ts'
import { lintPolicy } from '../services/policy/lint.ts'
import type { OrganizationPorts } from '../services/tenancy/organizations.ts'
import { byId } from '../services/tenancy/organizations.ts'
import type { TokenRenewal } from './auth.ts'
import { compileToken, contextOf, policiesNaming, statementsNaming, type AuthorityPorts } from './authority.ts'

export interface AccessParts {
  readonly database: Database
  readonly authority: AuthorityPorts
  readonly organizations: OrganizationPorts
  readonly rootOrgId: string
  readonly checkRenewal: TokenRenewal
  registry(orgId: string): Promise<OrgRegistry>
  now(): number
}

export interface Access extends AccessPort {
  /** For whatever else makes tokens. */
  readonly ports: IssuePorts
}

/** A batch token has no row in which anything could be changed. @throws invalid_request */
const requireRow = (call: Call, by: object, what: string): void => {
  if (call.caller?.carried !== undefined && 'tokenId' in by && by.tokenId === call.caller.tokenId) throw fail('invalid_request', 'token.batch', `batch tokens cannot be ${what}`)
}

export const makeAccess = (parts: AccessParts): Access => {
  const { authority } = parts
  const ports: IssuePorts = {
    database: parts.database,
    keys: authority.keys,
    dropState: authority.dropState,
    organizationOf: authority.organizationOf,
    batch: authority.batch,
    lookup: authority.lookup,
    shortIdOf: async (orgId) => (orgId === parts.rootOrgId ? undefined : (await byId(parts.organizations, orgId))?.shortId),
    policiesNaming: async (orgId, names) => policiesNaming(await authority.policies(orgId), names),
    statementsNaming: async (orgId, names) => statementsNaming(await authority.policies(orgId), names),
    projectOf: async (orgId, mountId) => (await parts.registry(orgId)).mountById(mountId)?.path,
  }
  return {
    ports,
    issue: (grant, call, command) => issue(ports, grant, call, command),
    self: async (_call, caller) => caller.carried?.token ?? lookupById(ports, caller.orgId, caller.tokenId),
    listTokens: (grant, call, page) => tokens.list(ports, grant, call, page),
    async revoke(grant, call, by) {
      requireRow(call, by, 'revoked')
      return tokens.revoke(ports, grant, call, by)
    },
    async renew(grant, call, by, increment) {
      requireRow(call, by, 'renewed')
      await parts.checkRenewal(call, await lookupById(ports, call.orgId, by.tokenId))
      return tokens.renew(ports, grant, call, by, increment)
    },
    createPrincipal: (grant, call, command) => grants.createPrincipal(ports, grant, call, command),
    listPrincipals: (grant, call, page) => grants.listPrincipals(ports, grant, call, page),
    async bindRole(grant, call, command) {
      await requireBindable(ports, call, command)
      return grants.bindRole(ports, grant, call, command)
    },
    listBindings: (grant, call, principalId) => grants.listBindings(ports, grant, call, principalId),
    async bindingScope(call, bindingId) {
      const binding = await grants.findBinding(ports, call, bindingId)
      if (binding === undefined) return undefined
      const project = binding.mountId === undefined ? undefined : await ports.projectOf(call.orgId, binding.mountId)
      return { project, environment: binding.environment }
    },
    async unbindRole(grant, call, bindingId) {
      await requireBindable(ports, call, await grants.requireBinding(ports, call, bindingId))
      return grants.unbindRole(ports, grant, call, bindingId)
    },
    async putPolicy(grant, call, command) {
      const parsed = command.kind === 'json' ? parseJsonPolicy(command.body, command.name) : parseAclPolicy(command.body, command.name)
      const policy = await grants.putPolicy(ports, grant, call, command)
      return { policy, warnings: lintPolicy(parsed).map((warning) => warning.message) }
    },
    listPolicies: (_grant, call) => grants.loadPolicies(ports, call.orgId),
    deletePolicy: (grant, call, kind, name) => grants.deletePolicy(ports, grant, call, kind, name),
    async explain(call, caller, action, resource, other) {
      const loaded = other === undefined ? (caller.carried ?? (await tokens.loadById(ports, caller.orgId, { tokenId: caller.tokenId }))) : await tokens.loadById(ports, call.orgId, { accessor: other.accessor })
      const compiled = loaded === undefined ? null : await compileToken(authority, other === undefined ? caller.orgId : call.orgId, loaded)
      if (compiled === null) throw fail('not_found', 'token.not_found', 'There is no such token.')
      const { decision, considered } = explain(compiled.compiled, action, resource, contextOf(compiled.compiled, { sourceIp: call.sourceIp, time: parts.now(), door: call.door }))
      // JSON policies speak of others, too: one that is not about the caller is named only to those who may read policies.
      const mayReadPolicies = call.allows('list', { kind: 'policy', apiPath: 'sys/policies/json/' }).allow
      return { ...decision, considered: mayReadPolicies ? considered : considered.filter(({ matched, rule }) => matched || !rule.startsWith('json:')) }
    },
  }
}
