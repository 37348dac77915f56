// The part of a decision that does not depend on the request's facts: which rules cover this action on this
// resource. When none of them has a condition, the decision itself is already known and can be kept.

import { capabilityFor, fineAction } from './actions.ts'
import { findAclRule, type AclRule, type AclSet } from './acl/compile.ts'
import { conditionsFor, covers, type CompiledStatement, type StatementSets } from './json/compile.ts'
import type { CompiledConditions } from './json/conditions.ts'
import { subjectOf, withSlash } from './json/resources.ts'
import { roleCovers, type CompiledRole } from './roles.ts'
import type { Decision, FineAction, PolicyAction, PolicyResource, VaultCapability } from './types.ts'

/** The ACL rule of highest priority for the path, and what it says before its constraints are looked at. */
export interface AclOutcome {
  readonly rule: AclRule
  readonly capability: VaultCapability | undefined
  readonly says: 'allow' | 'deny' | 'nothing'
  readonly decision: Decision
  /** What the decision becomes when a parameter is denied. */
  readonly denial: Decision
}

export interface ConditionalRule {
  readonly conditions: CompiledConditions
  readonly decision: Decision
}

export interface Resolved {
  readonly fixed: Decision | undefined
  readonly acl: AclOutcome | undefined
  readonly denies: readonly ConditionalRule[]
  /** An allow that needs nothing of the request, from a statement or a role. */
  readonly allowed: Decision | undefined
  readonly allows: readonly ConditionalRule[]
  readonly refusal: Decision
}

export interface Rules {
  readonly acl: AclSet
  readonly statements: StatementSets
  readonly roles: readonly CompiledRole[]
}

export const resolveRules = (rules: Rules, action: PolicyAction, resource: PolicyResource): Resolved => {
  const fine = fineAction(action)
  const acl = resolveAcl(rules.acl, action, resource)
  const refusal: Decision = { allow: false, rule: 'default-deny', reason: `No rule allows ${action} here.` }
  const subject = subjectOf(resource, fine === 'list')
  const denies = rules.statements.denies.filter((each) => covers(each, fine, resource, subject))
  if (acl?.says === 'deny') return settled(acl.decision, acl, refusal)
  const outright = denies.find((each) => conditionsFor(each, fine) === undefined)
  if (outright !== undefined) return settled(decisionOf(false, outright.rule, action), acl, refusal)
  const allows = rules.statements.allows.filter((each) => covers(each, fine, resource, subject))
  const allowed = unconditional(allows, rules.roles, fine, resource, action)
  const resolved = {
    acl, allowed, refusal,
    denies: conditional(denies, fine, action),
    allows: conditional(allows, fine, action),
  }
  return { ...resolved, fixed: fixedOf(resolved) }
}

const settled = (fixed: Decision, acl: AclOutcome | undefined, refusal: Decision): Resolved =>
  ({ fixed, acl, refusal, denies: [], allows: [], allowed: undefined })

/** Known already, unless something that may still change it depends on the request. */
const fixedOf = ({ acl, allowed, refusal, denies, allows }: Omit<Resolved, 'fixed'>): Decision | undefined => {
  const grants = acl?.says === 'allow'
  if (denies.length > 0 || (grants && acl.rule.constraints !== undefined)) return undefined
  if (grants) return acl.decision
  return allowed ?? (allows.length === 0 ? refusal : undefined)
}

const unconditional = (allows: readonly CompiledStatement[], roles: readonly CompiledRole[], fine: FineAction, resource: PolicyResource, action: PolicyAction): Decision | undefined => {
  const rule = allows.find((each) => conditionsFor(each, fine) === undefined)?.rule ?? roles.find((each) => roleCovers(each, fine, resource))?.rule
  return rule === undefined ? undefined : decisionOf(true, rule, action)
}

const conditional = (statements: readonly CompiledStatement[], fine: FineAction, action: PolicyAction): readonly ConditionalRule[] =>
  statements.flatMap((statement) => {
    const conditions = conditionsFor(statement, fine)
    return conditions === undefined ? [] : [{ conditions, decision: decisionOf(!statement.denies, statement.rule, action) }]
  })

const decisionOf = (allow: boolean, rule: string, action: PolicyAction): Decision =>
  ({ allow, rule, reason: `${rule} ${allow ? 'allows' : 'denies'} ${action}.` })

const resolveAcl = (set: AclSet, action: PolicyAction, resource: PolicyResource): AclOutcome | undefined => {
  const capability = capabilityFor(action, resource)
  const listing = capability === 'list' || capability === 'scan' ? capability : undefined
  const path = listing === undefined ? resource.apiPath : withSlash(resource.apiPath)
  const rule = findAclRule(set, path, listing)
  if (rule === undefined) return undefined
  const granting = capability === undefined ? undefined : rule.grants.get(capability)
  const says = rule.denies ? 'deny' : granting === undefined ? 'nothing' : 'allow'
  const name = aclRuleName(rule, rule.denies ? rule.grants.get('deny') : granting)
  return { rule, capability, says, decision: decisionOf(says === 'allow', name, action), denial: decisionOf(false, name, action) }
}

export const aclRuleName = (rule: AclRule, policies: readonly string[] | undefined): string =>
  `acl:${(policies ?? [...new Set([...rule.grants.values()].flat())]).join('+')} path ${JSON.stringify(rule.pattern.text)}`
