// Handlers of tokens, principals, roles and policies.

import { fail, quote } from '../../kernel/errors.ts'
import type { AccessPort } from '../../kernel/ports/access.ts'
import type { Call, Caller, Resource } from '../../kernel/call.ts'
import { decodeCursorUuid, encodeCursor } from '../../kernel/cursor.ts'
import { formatId, parseId } from '../../kernel/ids.ts'
import type { BindingRow, PolicyRow, PrincipalRow, TokenRow } from '../../kernel/identity.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import { projectOf, type Places } from '../../kernel/places.ts'
import { parsePath } from '../../kernel/path.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import * as operations from './operations.ts'

type Handled = Handlers<typeof operations>
const NO_UUID = '00000000-0000-0000-0000-000000000000'

const iso = (ms: number): string => new Date(ms).toISOString()
const tokens = (path: string): Resource => ({ kind: 'token', apiPath: `auth/token/${path}` })
const identity = (path: string): Resource => ({ kind: 'identity', apiPath: `identity/${path}` })
const policies = (kind: string, name: string): Resource => ({ kind: 'policy', apiPath: `sys/policies/${kind}/${name}` })

const requireCaller = (call: Call): Caller => {
  if (call.caller === undefined) throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
  return call.caller
}

const tokenView = (row: TokenRow, registry: OrgRegistry, principal: string | undefined) => ({
  accessor: row.accessor,
  displayName: row.displayName,
  ...(principal === undefined ? {} : { principal }),
  policies: row.policies,
  root: row.root,
  ...(row.lockMountId === undefined ? {} : { project: registry.mountById(row.lockMountId)?.path ?? '' }),
  ...(row.lockEnvironment === undefined ? {} : { environment: row.lockEnvironment }),
  createdAt: iso(row.issuedAt),
  expiresAt: row.expiresAt === undefined ? null : iso(row.expiresAt),
  renewable: row.renewable && row.expiresAt !== undefined,
  numUses: row.numUses,
  mfa: row.mfa,
})

const principalView = (row: PrincipalRow) => ({ id: formatId('principal', row.principalId), kind: row.kind, name: row.name, disabled: row.disabled, createdAt: iso(row.createdAt) })

const bindingView = (row: BindingRow, registry: OrgRegistry) => ({
  id: formatId('binding', row.bindingId),
  ...(row.principalId === undefined ? {} : { principal: formatId('principal', row.principalId) }),
  role: row.role,
  ...(row.mountId === undefined ? {} : { project: registry.mountById(row.mountId)?.path ?? '' }),
  ...(row.environment === undefined ? {} : { environment: row.environment }),
})

const policyView = (row: PolicyRow) => ({ name: row.name, kind: row.kind, body: row.body, updatedAt: iso(row.updatedAt) })

/** The scope of a lock or role. An environment needs its project. @throws invalid_request, not_found */
const scopeOf = (registry: OrgRegistry, input: { readonly project?: string | undefined; readonly environment?: string | undefined }): { readonly mountId: string | undefined; readonly environment: string | undefined } => {
  if (input.project === undefined) {
    if (input.environment !== undefined) throw fail('invalid_request', 'request.missing_field', '"project" is missing: an environment belongs to one.', { field: 'project' })
    return { mountId: undefined, environment: undefined }
  }
  const mount = registry.mountByPath('secret', input.project)
  if (mount === undefined) throw fail('not_found', 'project.not_found', `There is no project ${quote(input.project)}.`, { field: 'project' })
  if (input.environment !== undefined && input.environment !== 'default' && registry.environment(mount.mountId, input.environment) === undefined) {
    throw fail('not_found', 'environment.not_found', `The project has no environment ${quote(input.environment)}.`, { field: 'environment' })
  }
  return { mountId: mount.mountId, environment: input.environment }
}

const uuidOf = (kind: 'principal' | 'binding', id: string): string => {
  const uuid = parseId(kind, id)
  if (uuid === undefined) throw fail('not_found', `${kind}.not_found`, `There is no ${kind === 'principal' ? 'principal' : 'role binding'} with this id.`, { field: kind })
  return uuid
}

const own = (access: AccessPort, places: Places): Pick<Handled, 'whoami' | 'logout' | 'renew'> => ({
  async whoami(_input, call) {
    const caller = requireCaller(call)
    const row = await access.self(call, caller)
    return { ...tokenView(row, await places.registry(caller.orgId), caller.principal), organization: formatId('organization', caller.orgId), actorType: caller.actorType }
  },
  async logout(_input, call) {
    return { revoked: await access.revoke('self', call, { tokenId: requireCaller(call).tokenId }) }
  },
  async renew(input, call) {
    const row = await access.renew('self', call, { tokenId: requireCaller(call).tokenId }, input.increment)
    return { expiresAt: row.expiresAt === undefined ? null : iso(row.expiresAt) }
  },
})

const tokenHandlers = (access: AccessPort, places: Places): Pick<Handled, 'createToken' | 'listTokens' | 'revokeToken'> => ({
  async createToken(input, call) {
    const grant = call.authorise('create', { ...tokens('create'), project: input.project ?? call.caller?.lock?.project, environment: input.environment ?? call.caller?.lock?.environment })
    const registry = await places.registry(call.orgId)
    const issued = await access.issue(grant, call, {
      ...scopeOf(registry, input),
      name: input.name,
      kind: input.kind,
      role: input.role,
      policies: input.policies ?? [],
      ttlSeconds: input.ttl,
      maxTtlSeconds: input.maxTtl,
      numUses: input.numUses,
      boundCidrs: input.boundCidrs ?? [],
      metadata: input.metadata ?? {},
    })
    return { token: issued.token, ...tokenView(issued.row, registry, issued.principal.name) }
  },
  async listTokens(input, call) {
    const grant = call.authorise('list', tokens('accessors/'))
    const after = input.after === undefined ? NO_UUID : decodeCursorUuid('tokens', input.after)
    const found = await access.listTokens(grant, call, { after, limit: input.limit + 1 })
    const registry = await places.registry(call.orgId)
    const shown = found.slice(0, input.limit)
    const last = shown[shown.length - 1]
    return { items: shown.map(({ token, principalName }) => tokenView(token, registry, principalName)), ...(found.length > input.limit && last !== undefined ? { next: encodeCursor('tokens', last.token.tokenId) } : {}) }
  },
  async revokeToken(input, call) {
    return { revoked: await access.revoke(call.authorise('delete', tokens('revoke-accessor')), call, { accessor: input.accessor }) }
  },
})

const identityHandlers = (access: AccessPort, places: Places): Pick<Handled, 'createPrincipal' | 'listPrincipals' | 'bindRole' | 'listBindings' | 'unbindRole'> => ({
  async createPrincipal(input, call) {
    return principalView(await access.createPrincipal(call.authorise('create', identity(`entity/name/${input.name}`)), call, input))
  },
  async listPrincipals(input, call) {
    const grant = call.authorise('list', identity('entity/id/'))
    const after = input.after === undefined ? NO_UUID : decodeCursorUuid('principals', input.after)
    const found = await access.listPrincipals(grant, call, { after, limit: input.limit + 1 })
    const shown = found.slice(0, input.limit)
    const last = shown[shown.length - 1]
    return { items: shown.map(principalView), ...(found.length > input.limit && last !== undefined ? { next: encodeCursor('principals', last.principalId) } : {}) }
  },
  async bindRole(input, call) {
    const grant = call.authorise('administer', { ...identity('role-bindings'), project: input.project, environment: input.environment })
    const registry = await places.registry(call.orgId)
    return bindingView(await access.bindRole(grant, call, { principalId: uuidOf('principal', input.principal), role: input.role, ...scopeOf(registry, input) }), registry)
  },
  async listBindings(input, call) {
    const grant = call.authorise('list', identity('role-bindings/'))
    const registry = await places.registry(call.orgId)
    const found = await access.listBindings(grant, call, input.principal === undefined ? undefined : uuidOf('principal', input.principal))
    return { items: found.map((row) => bindingView(row, registry)) }
  },
  async unbindRole(input, call) {
    const id = uuidOf('binding', input.binding)
    // Whoever may bind a role somewhere may also take it away there; a binding that is not there is nobody's.
    const grant = call.authorise('administer', { ...identity('role-bindings'), ...(await access.bindingScope(call, id)) })
    await access.unbindRole(grant, call, id)
    return { removed: true }
  },
})

const policyHandlers = (access: AccessPort): Pick<Handled, 'putPolicy' | 'getPolicy' | 'listPolicies' | 'deletePolicy'> => ({
  async putPolicy(input, call) {
    const grant = call.authorise('update', policies(input.kind, input.name))
    const { policy, warnings } = await access.putPolicy(grant, call, { kind: input.kind, name: input.name, body: input.body })
    return { ...policyView(policy), warnings }
  },
  async getPolicy(input, call) {
    const grant = call.authorise('read', policies(input.kind, input.name))
    const found = (await access.listPolicies(grant, call)).find((policy) => policy.kind === input.kind && policy.name === input.name)
    if (found === undefined) throw fail('not_found', 'policy.not_found', `There is no ${input.kind} policy ${quote(input.name)}.`, { field: 'name' })
    return policyView(found)
  },
  async listPolicies(_input, call) {
    const found = await access.listPolicies(call.authorise('list', policies('json', '')), call)
    return { items: found.map(policyView) }
  },
  async deletePolicy(input, call) {
    await access.deletePolicy(call.authorise('delete', policies(input.kind, input.name)), call, input.kind, input.name)
    return { removed: true }
  },
})

const explain = (access: AccessPort, places: Places): Handled['explain'] => async (input, call) => {
  const caller = requireCaller(call)
  const registry = await places.registry(call.orgId)
  const project = projectOf(call, input.project)
  const mount = registry.mountByPath('secret', project)
  const environment = input.environment ?? caller.lock?.environment ?? 'default'
  const isProtected = mount === undefined ? true : (registry.environment(mount.mountId, environment)?.protected ?? false)
  const path = input.path === undefined || input.path === '' ? '' : parsePath(input.path).segments.join('/')
  const resource = places.secretResource(input.action, { project, environment, path, protected: isProtected })
  const other = input.accessor === undefined ? undefined : { grant: call.authorise('read', policies('explain', '')), accessor: input.accessor }
  return access.explain(call, caller, input.action, resource, other)
}

export const platformAccess = (access: AccessPort, places: Places): readonly Implemented[] =>
  implement(operations, { ...own(access, places), ...tokenHandlers(access, places), ...identityHandlers(access, places), ...policyHandlers(access), explain: explain(access, places) })
