// From a token's text to what its holder may do: loaded, its row MACs checked, compiled once and kept while the feed says
// that nothing of it changed.

import { anyCidrContains, parseCidr } from '../lib/cidr.ts'
import type { Action, Caller, Resource, Verdict } from '../kernel/call.ts'
import { fail, isCofferError, quote } from '../kernel/errors.ts'
import { principalNames, type LoadedToken, type PolicyRow, type TokenRow } from '../kernel/identity.ts'
import { accessorOf, DEFAULT_PROJECT, tokenAccessorOf, type OrgRegistry } from '../kernel/tenancy.ts'
import type { Authenticated, DecisionFacts, TokenAuthority } from '../request/ports.ts'
import { hmacIdentifier } from '../services/audit/records.ts'
import type { HmacKey } from '../crypto/keys.ts'
import type { OnceTokens } from './logins/once.ts'
import type { CacheRegion } from '../services/freshness/cache.ts'
import type { TokenFill } from '../services/identity/logins/login.ts'
import type { MadeToken } from './caches.ts'
import type { NamedStatement } from '../services/identity/standing.ts'
import { cacheKeyOf, find, takeUse, type TokenPorts } from '../services/identity/tokens.ts'
import { parseAclPolicy } from '../services/policy/acl/parse.ts'
import { builtinPolicies, WRAPPING_POLICY } from '../services/policy/builtin.ts'
import { RuleBook, type CompiledPrincipal } from '../services/policy/compiled.ts'
import { fitting, ruleName } from '../services/policy/json/compile.ts'
import { decideBelow } from '../services/policy/below.ts'
import { decide } from '../services/policy/decide.ts'
import { reaches } from '../services/policy/reach.ts'
import { parseJsonPolicy } from '../services/policy/json/parse.ts'
import { roleBinding } from '../services/policy/roles.ts'
import type { AclPolicy, EntityView, JsonPolicy, PolicyResource, RequestContext, RoleBinding, RoleScope } from '../services/policy/types.ts'

/** A found token and its compiled rules; `explain` needs the latter. */
export interface Compiled extends Authenticated {
  readonly tokenId: string
  readonly compiled: CompiledPrincipal
}

export interface OrgPolicies {
  readonly json: readonly JsonPolicy[]
  readonly acl: ReadonlyMap<string, AclPolicy>
  readonly unreadable: readonly Pick<PolicyRow, 'kind' | 'name'>[]
  /** What tokens with the same of these share. */
  readonly rules: RuleBook
}

export interface AuthorityPorts extends TokenPorts {
  readonly once: Pick<OnceTokens, 'take'>
  readonly region: CacheRegion<Compiled | null>
  readonly made: CacheRegion<MadeToken>
  registry(orgId: string): Promise<OrgRegistry>
  policies(orgId: string): Promise<OrgPolicies>
  auditKey(orgId: string): Promise<HmacKey>
}

const COMPILED_BYTES = 4096
const MADE_BYTES = 2048
/** Where the product's own doors make tokens. */
const NATIVE: ReadonlySet<string> = new Set(['tokens', 'sys/namespaces'])
const NEGATIVE_MS = 2_000

/**
 * Policies of an organization, parsed. Writing one that does not parse is refused; one that was stored under other rules and no longer
 * does may deny anything to anybody, so it stops whoever it could be about until somebody whom nothing restrains replaces it.
 */
export const parsePolicies = (rows: readonly PolicyRow[]): OrgPolicies => {
  const json: JsonPolicy[] = []
  const acl = new Map<string, AclPolicy>(builtinPolicies)
  const unreadable: PolicyRow[] = []
  for (const row of rows) {
    try {
      if (row.kind === 'json') json.push(parseJsonPolicy(row.body, row.name))
      else if (row.name !== WRAPPING_POLICY) acl.set(row.name, parseAclPolicy(row.body, row.name))
    } catch (error) {
      if (!isCofferError(error)) throw error
      unreadable.push(row)
    }
  }
  return { json, acl, unreadable, rules: new RuleBook() }
}

/** A JSON policy may be about everybody, an ACL policy is about whoever has it. @throws internal */
const requireReadable = ({ unreadable }: Pick<OrgPolicies, 'unreadable'>, aclNames: readonly string[]): void => {
  const stopping = unreadable.find(({ kind, name }) => kind === 'json' || aclNames.includes(name))
  if (stopping !== undefined) throw fail('internal', 'policy.unreadable', `The stored ${stopping.kind} policy ${quote(stopping.name)} cannot be read by this release, and it may concern you. A root token can replace or delete it.`)
}

/** The policies that grant something to whoever is called by one of the names. What everybody gets is nobody's privilege. */
export const policiesNaming = ({ json }: OrgPolicies, names: readonly string[]): readonly string[] => {
  const isAbout = (statement: JsonPolicy['statements'][number]): boolean => statement.effect === 'allow' && !statement.principals.includes('*') && fitting(statement, names).length > 0
  return json.filter(({ statements }) => statements.some(isAbout)).map(({ name }) => name)
}

const WITH_ENVIRONMENT = /^(service|workload):[^:]+:(.+)$/

/** Every statement, allow or deny, about whoever is called by one of the names, also about tokens of it that are locked to an environment. */
export const statementsNaming = ({ json }: OrgPolicies, names: readonly string[]): readonly NamedStatement[] => {
  const known = new Set(names)
  const isLocked = (wanted: string): boolean => known.has(wanted.replace(WITH_ENVIRONMENT, '$1:$2'))
  return json.flatMap((policy) => policy.statements.flatMap((statement) => {
    const fit = [...new Set([...fitting(statement, names), ...statement.principals.filter(isLocked)])]
    return fit.length === 0 ? [] : [{ policy: policy.name, rule: ruleName(policy, statement), denies: statement.effect === 'deny', fitting: fit }]
  }))
}

// Nothing restrains a root token, so it stays usable when a stored policy no longer parses.
const noPolicies: Omit<OrgPolicies, 'rules'> = { json: [], acl: new Map(), unreadable: [] }

/** What the policy engine and the pipeline need of a loaded token. Undefined when its principal is disabled. */
export const compileToken = async (ports: Pick<AuthorityPorts, 'registry' | 'policies' | 'auditKey'>, orgId: string, loaded: LoadedToken, text?: string): Promise<Compiled | null> => {
  const { token, principal, groups } = loaded
  if (principal?.disabled === true) return null
  const [registry, policies, auditKey] = await Promise.all([ports.registry(orgId), token.root ? { ...noPolicies, rules: new RuleBook() } : ports.policies(orgId), ports.auditKey(orgId)])
  const lockedMount = token.lockMountId === undefined ? undefined : registry.mountById(token.lockMountId)
  // With the mount that gave it ends a batch token, also when that moves, as the tokens with a row do.
  if (token.batch?.mountId !== undefined && !token.issuePath.startsWith(`auth/${registry.mountById(token.batch.mountId)?.path ?? ''}/`)) return null
  // A lock to a project that is gone locks to nothing at all.
  if (token.lockMountId !== undefined && lockedMount === undefined) return null
  const lock = lockedMount === undefined ? undefined : { project: lockedMount.path, mountId: lockedMount.mountId, environment: token.lockEnvironment }
  const names = [...(principal === undefined ? [] : principalNames(principal, token)), ...groups.map((group) => `group:${group.name}`), `token:${token.displayName}`]
  // Tokens of Vault's paths say themselves whether they have the policy `default`; all others may always look at themselves.
  const own = NATIVE.has(token.issuePath) ? [...token.policies, 'default'] : token.policies
  const aclNames = [...new Set([...own, ...(principal?.policies ?? []), ...groups.flatMap((group) => group.policies)])]
  requireReadable(policies, [...aclNames, ...aclNames.map((name) => name.toLowerCase())])
  const compiled = policies.rules.compile({
    principal: { id: principal?.principalId ?? token.tokenId, names, root: token.root, ...(lock === undefined ? {} : { lock }), entity: entityOf(orgId, loaded, registry), mfa: token.mfa },
    // Vault keeps names of policies in lower case, and takes them from entities and groups as they were written.
    aclPolicies: aclNames.flatMap((name) => policies.acl.get(name) ?? policies.acl.get(name.toLowerCase()) ?? []),
    jsonPolicies: policies.json,
    roleBindings: bindingsOf(loaded, registry),
    defaultProject: lock?.project ?? DEFAULT_PROJECT,
  })
  const caller: Caller = {
    orgId,
    tokenId: token.tokenId,
    principalId: principal?.principalId,
    principal: names[0] ?? `token:${token.displayName}`,
    actorType: principal?.kind ?? 'system',
    root: token.root,
    lock,
    accessor: token.accessor,
    // A batch token has no accessor; its id tells its records apart, and is in that of its making.
    accessorHmac: hmacIdentifier(auditKey, token.batch === undefined ? token.accessor : token.tokenId),
    policies: aclNames,
    holder: { displayName: token.displayName, issuedAt: new Date(token.issuedAt).toISOString(), ttlSeconds: token.ttlSeconds, type: token.batch === undefined ? 'service' : 'batch', policies: token.root ? ['root'] : aclNames.slice(0, 64), ...(text === undefined ? {} : { hmac: hmacIdentifier(auditKey, text) }) },
    expiresAt: loaded.endsAt ?? token.expiresAt,
    carried: token.batch === undefined ? undefined : loaded,
  }
  return { tokenId: token.tokenId, caller, boundCidrs: token.boundCidrs, numUses: token.batch?.requestId === undefined ? token.numUses : 1, compiled, decide: (action, resource, facts) => judge(compiled, action, resource, facts), decideBelow: (action, folder, facts) => decideBelow(compiled, action, folder, contextOf(compiled, facts)), reaches: (place, time) => reaches(compiled, { ...place, time }) }
}

/** What policies with `{{identity…}}` in their paths are filled from. */
const entityOf = (orgId: string, { principal, aliases, groups }: LoadedToken, registry: OrgRegistry): EntityView | undefined => {
  if (principal === undefined) return undefined
  const byAccessor = aliases.flatMap((alias) => {
    const mount = registry.mountById(alias.mountId)
    const accessor = alias.mountId === orgId ? tokenAccessorOf(orgId) : mount === undefined ? undefined : accessorOf(mount)
    return accessor === undefined ? [] : [[accessor, { id: alias.aliasId, name: alias.name, metadata: alias.metadata, customMetadata: alias.customMetadata }] as const]
  })
  return { id: principal.principalId, name: principal.name, metadata: principal.metadata, aliases: Object.fromEntries(byAccessor), groups: groups.map(({ groupId, name, metadata }) => ({ id: groupId, name, metadata })) }
}

const bindingsOf = (loaded: LoadedToken, registry: OrgRegistry): readonly RoleBinding[] =>
  loaded.bindings.flatMap((binding) => {
    const project = binding.mountId === undefined ? undefined : registry.mountById(binding.mountId)?.path
    if (binding.mountId !== undefined && project === undefined) return []
    const scope: RoleScope = project === undefined ? { level: 'organization' } : binding.environment === undefined ? { level: 'project', project } : { level: 'environment', project, environment: binding.environment }
    return [roleBinding(binding.role, scope)]
  })

/** Of rules that tokens share, what one token's requests are judged by. */
export const contextOf = ({ principal }: CompiledPrincipal, facts: DecisionFacts): RequestContext => ({ sourceIp: facts.sourceIp, mfa: principal.mfa === true, time: facts.time, door: facts.door, parameters: facts.parameters, wrapTtlSeconds: facts.wrapTtlSeconds })

const judge = (compiled: CompiledPrincipal, action: Action, resource: Resource, facts: DecisionFacts): Verdict => {
  const asked: PolicyResource = resource
  return decide(compiled, action, asked, contextOf(compiled, facts))
}

/** Whatever ends or changes a token: its own row, what its holder is granted, or what a batch token was made from. */
const tagsOf = (orgId: string, { tokenId, parentId, principalId, batch }: TokenRow): readonly string[] => {
  const role = batch?.role
  // A token with a row is told of by itself, too; but when its holder changed just before there was such a row, only by its holder.
  return [`token:${tokenId}`, `grants:${orgId}`, ...(batch === undefined || parentId === undefined ? [] : [`token:${parentId}`]), ...(principalId === undefined ? [] : [`principal:${principalId}`]), ...(role === undefined ? [] : [`state:${role.mountId}/${role.key}`])]
}

/** Remembers a token that is being made, so that its first use here asks nobody. */
export const fillMade = ({ made }: Pick<AuthorityPorts, 'made'>): TokenFill => {
  const fill = made.open('')
  return {
    end: fill.end,
    keep(orgId, text, loaded) {
      const { token } = loaded
      // Counted uses are the database's, and a token for one request was used when its answer leaves.
      if (token.numUses > 0 || token.batch?.requestId !== undefined) return fill.end()
      return fill.keep(cacheKeyOf(text), { value: { orgId, loaded }, bytes: MADE_BYTES, tags: tagsOf(orgId, token) })
    },
  }
}

/** As it was made here, if that is all that is to be known of it. */
const findMade = async ({ made, batch }: AuthorityPorts, key: string): Promise<MadeToken | undefined> => {
  const found = made.peek(key)
  const role = found?.loaded.token.batch?.role
  // The role may have ended while the token was being made.
  return found === undefined || (role !== undefined && !(await batch.isRole(found.orgId, role))) ? undefined : found
}

export const makeAuthority = (ports: AuthorityPorts): TokenAuthority => ({
  async authenticate(token) {
    const given = ports.once.take(token)
    if (given !== undefined) return given
    const key = cacheKeyOf(token)
    const cached = ports.region.peek(key)
    if (cached !== undefined) return cached ?? undefined
    // The organization of a token is known only once it is found; an unknown token belongs to nobody's tag.
    const found = await ports.region.getOrLoad('', key, async () => {
      const at = (await findMade(ports, key)) ?? (await find(ports, token))
      const value = at === undefined ? null : await compileToken(ports, at.orgId, at.loaded, token)
      if (at === undefined) return { value: null, bytes: 64, maxAgeMs: NEGATIVE_MS }
      const tags = tagsOf(at.orgId, at.loaded.token)
      if (value === null) return { value, bytes: 64, maxAgeMs: NEGATIVE_MS, tags }
      return { value, bytes: COMPILED_BYTES, ...(at.loaded.token.batch?.requestId === undefined ? {} : { maxAgeMs: 0 }), tags }
    })
    return found ?? undefined
  },
  peek: (token) => ports.region.peek(cacheKeyOf(token)) ?? undefined,
  async takeUse(authenticated, requestId) {
    const { caller, numUses } = authenticated
    if (caller.carried !== undefined) {
      if (caller.carried.token.batch?.requestId !== requestId) throw fail('unauthenticated', 'token.used_up', 'The token was good for another request. Log in again.')
      return
    }
    await takeUse(ports, caller.orgId, { tokenId: caller.tokenId, numUses })
  },
  permitsAddress(cidrs, address) {
    if (address === undefined) return false
    const parsed = cidrs.map(parseCidr).filter((cidr) => cidr !== undefined)
    return anyCidrContains(parsed, address)
  },
})
