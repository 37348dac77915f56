// Why a decision came out as it did: every rule that was considered, and the first reason for which it did
// not apply. For people, not for the request path. The decision itself is the one that `decide` gives.

import { findAclRule, type AclRule } from './acl/compile.ts'
import { checkConstraints } from './acl/parameters.ts'
import { matchesPattern } from './acl/pattern.ts'
import { capabilityFor, fineAction } from './actions.ts'
import type { CompiledPrincipal } from './compiled.ts'
import { decide } from './decide.ts'
import { conditionsFor, coversAction, coversEnvironment, coversResource, type CompiledStatement } from './json/compile.ts'
import { unmetForAllow, unmetForDeny } from './json/conditions.ts'
import { subjectOf, withSlash } from './json/resources.ts'
import { aclRuleName } from './resolve.ts'
import { roleCovers, type CompiledRole } from './roles.ts'
import type { ConsideredRule, Explanation, PolicyAction, PolicyResource, RequestContext } from './types.ts'

/** The decision and every rule behind it. Show it only to those who may read policies: it names all of them. */
export const explain = (compiled: CompiledPrincipal, action: PolicyAction, resource: PolicyResource, context: RequestContext): Explanation => ({
  decision: decide(compiled, action, resource, context),
  considered: [
    ...explainAcl(compiled, action, resource, context),
    ...[...compiled.statements.denies, ...compiled.statements.allows].map((each) => explainStatement(each, action, resource, context)),
    ...compiled.roles.map((each) => explainRole(each, action, resource)),
    ...compiled.statements.strangers.map((rule) => ({ rule, effect: 'none' as const, matched: false, why: 'it names other principals' })),
  ],
})

const explainAcl = (compiled: CompiledPrincipal, action: PolicyAction, resource: PolicyResource, context: RequestContext): readonly ConsideredRule[] => {
  const set = compiled.aclAt(context.time)
  const capability = capabilityFor(action, resource)
  const listing = capability === 'list' || capability === 'scan' ? capability : undefined
  const path = listing === undefined ? resource.apiPath : withSlash(resource.apiPath)
  const winner = findAclRule(set, path, listing)
  return [...set.exact.values(), ...set.ranked].map((rule) => {
    const none = (why: string): ConsideredRule => ({ rule: aclRuleName(rule, undefined), effect: 'none', matched: false, why })
    if (rule !== winner) return none(matchesEither(rule, path) ? 'a pattern of higher priority decides' : 'its pattern does not match the path')
    if (rule.denies) return { rule: aclRuleName(rule, undefined), effect: 'deny', matched: true, why: 'the pattern of highest priority denies' }
    if (capability === undefined) return none(`no ACL policy can grant ${action}`)
    if (!rule.grants.has(capability)) return none(`its pattern decides, but does not grant ${capability}`)
    const verdict = rule.constraints === undefined ? undefined : checkConstraints(rule.constraints, capability, context)
    if (verdict !== undefined && verdict.outcome !== 'met') return { ...none(verdict.why), effect: verdict.outcome === 'denied' ? 'deny' : 'none', matched: verdict.outcome === 'denied' }
    return { rule: aclRuleName(rule, rule.grants.get(capability)), effect: 'allow', matched: true, why: `the pattern of highest priority grants ${capability}` }
  })
}

const matchesEither = ({ pattern }: AclRule, path: string): boolean => {
  const bare = path.endsWith('/') ? path.slice(0, -1) : path
  if (pattern.form === 'exact') return pattern.text === path || pattern.text === bare
  return matchesPattern(pattern, path) || matchesPattern(pattern, bare)
}

const explainStatement = (statement: CompiledStatement, action: PolicyAction, resource: PolicyResource, context: RequestContext): ConsideredRule => {
  const fine = fineAction(action)
  const none = (why: string): ConsideredRule => ({ rule: statement.rule, effect: 'none', matched: false, why })
  if (!coversAction(statement, fine, resource)) return none(`its actions do not contain ${fine} for this kind of resource`)
  if (!coversResource(statement, subjectOf(resource, fine === 'list'))) return none('none of its resources matches')
  if (!coversEnvironment(statement, resource)) return none('it is for other environments')
  const conditions = conditionsFor(statement, fine)
  const missing = conditions === undefined ? [] : statement.denies ? unmetForDeny(conditions, context) : unmetForAllow(conditions, context)
  if (missing.length > 0) return none(`its conditions are not met: ${missing.join(', ')}`)
  return { rule: statement.rule, effect: statement.denies ? 'deny' : 'allow', matched: true, why: 'action, resource and conditions match' }
}

const explainRole = (role: CompiledRole, action: PolicyAction, resource: PolicyResource): ConsideredRule => {
  const matched = roleCovers(role, fineAction(action), resource)
  return { rule: role.rule, effect: matched ? 'allow' : 'none', matched, why: matched ? 'the role contains the action here' : 'the role does not contain the action here' }
}
