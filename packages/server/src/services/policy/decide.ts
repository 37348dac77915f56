// The one decision that every door asks for. Two sets of rules give a verdict each: Vault ACL policies by
// Vault's priority, JSON policies and roles by "any deny wins". A deny of either denies; else an allow of
// either allows; else nothing does.

import { checkConstraints } from './acl/parameters.ts'
import { findAclRule } from './acl/compile.ts'
import { actionOfVerb } from './actions.ts'
import type { CompiledPrincipal } from './compiled.ts'
import { unmetForAllow, unmetForDeny } from './json/conditions.ts'
import { lockRefusal } from './lock.ts'
import type { AclOutcome, ConditionalRule, Resolved } from './resolve.ts'
import type { ConditionName, Decision, PolicyAction, PolicyResource, RequestContext, VaultCapability } from './types.ts'

const rootDecision: Decision = Object.freeze({ allow: true, rule: 'root', reason: 'A root token may do everything.' })

/** Whether the principal may do this, and which rule says so. Pure and synchronous. */
export const decide = (compiled: CompiledPrincipal, action: PolicyAction, resource: PolicyResource, context: RequestContext): Decision => {
  const { principal } = compiled
  const refusal = principal.lock === undefined ? undefined : lockRefusal(principal.lock, action, resource)
  if (refusal !== undefined) return refusal
  if (principal.root) return rootDecision
  const decision = judge(compiled.resolve(action, resource, context.time), context)
  if (!decision.allow || resource.sudo !== true) return decision
  return withSudo(compiled, resource, context, decision)
}

/** Vault's sudo-protected paths need `sudo` besides the operation itself. */
const withSudo = (compiled: CompiledPrincipal, resource: PolicyResource, context: RequestContext, decision: Decision): Decision => {
  const sudo = judge(compiled.resolve('sudo', { ...resource, capability: undefined }, context.time), context)
  return sudo.allow ? decision : { ...sudo, reason: `${decision.reason} The path also needs sudo. ${sudo.reason}` }
}

const judge = (resolved: Resolved, context: RequestContext): Decision => {
  if (resolved.fixed !== undefined) return resolved.fixed
  const acl = resolved.acl === undefined ? undefined : judgeAcl(resolved.acl, context)
  if (acl?.outcome === 'deny') return acl.decision
  for (const rule of resolved.denies) {
    if (unmetForDeny(rule.conditions, context).length === 0) return rule.decision
  }
  if (acl?.outcome === 'allow') return acl.decision
  return resolved.allowed ?? judgeAllows(resolved.allows, context, acl?.why === undefined ? resolved.refusal : { ...resolved.refusal, reason: acl.why })
}

interface AclVerdict {
  readonly outcome: 'allow' | 'deny' | 'nothing'
  readonly decision: Decision
  readonly why?: string
}

const judgeAcl = ({ rule, capability, says, decision, denial }: AclOutcome, context: RequestContext): AclVerdict => {
  if (rule.constraints === undefined || capability === undefined || says !== 'allow') return { outcome: says, decision }
  const { outcome, why } = checkConstraints(rule.constraints, capability, context)
  if (outcome === 'met') return { outcome: 'allow', decision }
  if (outcome === 'denied') return { outcome: 'deny', decision: { ...denial, reason: `${denial.rule}: ${why}.` } }
  return { outcome: 'nothing', decision, why: `${denial.rule} does not allow this: ${why}.` }
}

const judgeAllows = (allows: readonly ConditionalRule[], context: RequestContext, refusal: Decision): Decision => {
  let nearest: { readonly rule: string; readonly missing: readonly ConditionName[] } | undefined
  for (const { conditions, decision } of allows) {
    const missing = unmetForAllow(conditions, context)
    if (missing.length === 0) return decision
    if (nearest === undefined || missing.length < nearest.missing.length) nearest = { rule: decision.rule, missing }
  }
  if (nearest === undefined) return refusal
  const { rule, missing } = nearest
  return { ...refusal, reason: `${refusal.reason} ${rule} would, but its conditions are not met: ${missing.join(', ')}.`, missing }
}

const asked: readonly Exclude<VaultCapability, 'deny'>[] = ['create', 'delete', 'list', 'patch', 'read', 'sudo', 'update']

/**
 * What `sys/capabilities` answers, sorted: `["root"]`, `["deny"]` when there is nothing, else the capabilities.
 * A bare path is judged by ACL policies alone, as in Vault; a resource also by JSON policies and roles, for
 * `context` as it is.
 */
export const capabilities = (compiled: CompiledPrincipal, target: string | PolicyResource, context: RequestContext): readonly string[] => {
  const { principal } = compiled
  if (typeof target === 'string') {
    if (principal.root && principal.lock === undefined) return ['root']
    return orDeny(aclCapabilities(compiled, target.replace(/^\/+/, ''), context.time))
  }
  if (principal.root && (principal.lock === undefined || lockRefusal(principal.lock, 'read', target) === undefined)) return ['root']
  const byAcl = aclCapabilities(compiled, target.apiPath, context.time)
  const granted = asked.filter((capability) => {
    const action = actionFor(capability, target)
    if (action === undefined) return byAcl.includes(capability)
    return decide(compiled, action, { ...target, capability, sudo: false }, context).allow
  })
  // Capabilities that only ACL policies know are taken from there, where anything is granted at all.
  const rare = granted.length === 0 ? [] : byAcl.filter((capability) => capability === 'scan' || capability === 'subscribe' || capability === 'recover')
  return orDeny([...granted, ...rare].sort())
}

const orDeny = (granted: readonly string[]): readonly string[] => (granted.length === 0 ? ['deny'] : granted)

const aclCapabilities = (compiled: CompiledPrincipal, path: string, time: number): readonly string[] => {
  const rule = findAclRule(compiled.aclAt(time), path, 'list')
  return rule === undefined || rule.denies ? [] : [...rule.grants.keys()].sort()
}

/** On a secret, a verb means what it means on that family of paths: `read` on `data` is a reveal, `list` there is nothing. */
const actionFor = (capability: Exclude<VaultCapability, 'deny'>, resource: PolicyResource): PolicyAction | undefined => {
  if (capability === 'sudo' || resource.kind !== 'secret' || resource.project === undefined || !resource.apiPath.startsWith(`${resource.project}/`)) return capability
  const rest = resource.apiPath.slice(resource.project.length + 1)
  const end = rest.indexOf('/')
  return actionOfVerb(end < 0 ? rest : rest.slice(0, end), capability)
}
