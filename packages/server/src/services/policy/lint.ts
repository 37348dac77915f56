// Warnings about policies that are valid and reach further than they look. A policy is accepted with them;
// whoever writes it is told, by name, what it opens.

import { parsePattern } from './acl/pattern.ts'
import { namedAction } from './actions.ts'
import type { AclPathRule, AclPolicy, JsonPolicy, JsonStatement, ResourcePattern } from './types.ts'

export interface PolicyWarning {
  readonly code: 'every-project' | 'every-environment' | 'every-principal' | 'environment-itself' | 'literal-star' | 'other-spelling'
  /** The policy and statement, or the policy and path. */
  readonly rule: string
  readonly message: string
}

/** What a policy of either language opens by wildcard, which denies may do as they like; and what it says of paths that no request has. */
export const lintPolicy = (policy: JsonPolicy | AclPolicy): readonly PolicyWarning[] =>
  'paths' in policy ? policy.paths.flatMap((path) => lintPath(policy.name, path)) : policy.statements.flatMap((each) => lintStatement(policy.name, each))

const lintStatement = (policy: string, statement: JsonStatement): readonly PolicyWarning[] => {
  if (statement.effect === 'deny') return []
  const rule = `json:${policy}#${statement.id}`
  const warnings = statement.resources.flatMap((each) => lintResource(rule, statement, each))
  if (!statement.principals.includes('*')) return warnings
  return [...warnings, { code: 'every-principal', rule, message: `${rule}: the principal "*" is everybody in the organization.` }]
}

const lintResource = (rule: string, statement: JsonStatement, resource: ResourcePattern): readonly PolicyWarning[] => {
  const warn = (code: PolicyWarning['code'], what: string): PolicyWarning => ({ code, rule, message: `${rule}: the resource ${JSON.stringify(resource.text)} ${what}.` })
  const segments = resource.pattern.split('/')
  const [first = ''] = segments
  if (resource.form === 'api') return reachOfPath(resource.pattern).map((code) => warn(code, reachText[code]))
  const warnings: PolicyWarning[] = []
  if (resource.project?.endsWith('*') === true) warnings.push(warn('every-project', resource.project === '*' ? reachText['every-project'] : 'reaches every project whose name begins so'))
  const limited = statement.conditions.environment !== undefined
  if (!limited && (first === '+' || first.endsWith('*'))) warnings.push(warn('every-environment', first === '+' || first === '*' ? reachText['every-environment'] : 'reaches every environment whose name begins so'))
  const secretsOnly = statement.actions.every((action) => namedAction(action)?.kinds.every((kind) => kind === 'secret') === true)
  if (segments.length === 1 && first !== '*' && secretsOnly) warnings.push(warn('environment-itself', `names an environment, not the secrets in it; write ${JSON.stringify(`${resource.text}/*`)} for those`))
  return warnings
}

const reachText = {
  'every-project': 'reaches every project',
  'every-environment': 'reaches every environment of its project',
} as const

const families: ReadonlySet<string> = new Set(['data', 'metadata', 'delete', 'undelete', 'destroy', 'subkeys', '+'])
const systemMounts: ReadonlySet<string> = new Set(['sys', 'auth', 'identity', 'cubbyhole'])

/** How far a pattern over API paths goes: `*` every mount, `secret/*` and `secret/data/*` every environment. */
const reachOfPath = (pattern: string): readonly ('every-project' | 'every-environment')[] => {
  const parts = pattern.split('/')
  const [mount = '', family, environment] = parts
  const open = (part: string | undefined): boolean => part !== undefined && (part === '+' || part.endsWith('*'))
  const reach: ('every-project' | 'every-environment')[] = []
  if (mount === '+' || mount === '*') reach.push('every-project')
  if (systemMounts.has(mount) || mount.startsWith('{{')) return reach
  const all = parts.length === 1 ? mount.endsWith('*') : family?.endsWith('*') === true
  if (all || (family !== undefined && families.has(family) && open(environment))) reach.push('every-environment')
  return reach
}

/** Paths are matched as they are when they were decoded once, and none has an empty or a dot segment. */
const lintSpelling = (rule: string, pattern: string): readonly PolicyWarning[] => {
  const warn = (what: string): PolicyWarning => ({ code: 'other-spelling', rule, message: `${rule}: ${what}` })
  if (/^\/|\/\/|(?:^|\/)\.\.?(?:\/|$)/.test(pattern)) return [warn('no path has an empty segment, or one that is a dot or two; this rule matches nothing.')]
  return /%[0-9a-fA-F]{2}/.test(pattern) ? [warn('percent escapes are matched as they stand, not decoded; write the character itself.')] : []
}

const lintPath = (policy: string, path: AclPathRule): readonly PolicyWarning[] => {
  const rule = `acl:${policy} path ${JSON.stringify(path.pattern)}`
  const spelling = lintSpelling(rule, path.pattern)
  return path.capabilities.includes('deny') || path.capabilities.length === 0 ? spelling : [...spelling, ...lintReach(rule, path)]
}

const lintReach = (rule: string, path: AclPathRule): readonly PolicyWarning[] => {
  const warnings: PolicyWarning[] = reachOfPath(path.pattern).map((code) => ({ code, rule, message: `${rule} ${reachText[code]}.` }))
  if (!parsePattern(path.pattern).stem.includes('*')) return warnings
  return [...warnings, { code: 'literal-star', rule, message: `${rule}: a * before the end is an ordinary character; + stands for one segment.` }]
}
