// Whether a principal has any right at all below a prefix: what decides if it may know that a mount is there. And its ACL
// set as Vault's UI asks for it.

import type { AclRule } from './acl/compile.ts'
import { mayMeet, type AclPattern } from './acl/pattern.ts'
import type { CompiledPrincipal } from './compiled.ts'
import type { ResourceMatcher } from './json/resources.ts'

export interface Reach {
  /** Ends with a slash: `secret/`, `auth/userpass/`. */
  readonly prefix: string
  /** The project that a secrets mount is. */
  readonly project: string | undefined
  readonly time: number
}

const patternMeets = (pattern: AclPattern, prefix: string): boolean => {
  if (pattern.form === 'exact') return pattern.text.startsWith(prefix) || `${pattern.text}/` === prefix
  if (pattern.form === 'prefix') return mayMeet(pattern.stem, prefix)
  const wanted = prefix.slice(0, -1).split('/')
  return wanted.every((segment, at) => {
    const part = pattern.parts[at]
    const isLast = at === pattern.parts.length - 1
    if (part === undefined) return pattern.endsInGlob
    return part === '+' || part === segment || (isLast && pattern.endsInGlob && segment.startsWith(part))
  })
}

const grants = (rule: AclRule): boolean => !rule.denies && rule.grants.size > 0

const matcherMeets = (matcher: ResourceMatcher, { prefix, project }: Reach): boolean => {
  if (matcher.form === 'api') return mayMeet(matcher.stem, prefix) || (matcher.parts !== undefined && mayMeet(matcher.stem.split('+')[0] ?? '', prefix))
  if (project === undefined || matcher.project === undefined) return false
  return 'exact' in matcher.project ? matcher.project.exact === project : project.startsWith(matcher.project.prefix)
}

export const reaches = (compiled: CompiledPrincipal, reach: Reach): boolean => {
  const { principal } = compiled
  if (principal.lock !== undefined && reach.project !== principal.lock.project) return false
  if (principal.root) return true
  const acl = compiled.aclAt(reach.time)
  if ([...acl.exact.values(), ...acl.ranked].some((rule) => grants(rule) && patternMeets(rule.pattern, reach.prefix))) return true
  if (compiled.roles.some(({ scope }) => (scope.level === 'organization' ? true : scope.project === reach.project))) return true
  return compiled.statements.allows.some((statement) => statement.resources.some((matcher) => matcherMeets(matcher, reach)))
}

export interface ResultantAcl {
  readonly root: boolean
  readonly exactPaths: Readonly<Record<string, readonly string[]>>
  readonly globPaths: Readonly<Record<string, readonly string[]>>
}

const capabilitiesOf = (rule: AclRule): readonly string[] => (rule.denies ? ['deny'] : [...rule.grants.keys()].sort())

export const resultantAcl = (compiled: CompiledPrincipal, time: number): ResultantAcl => {
  const acl = compiled.aclAt(time)
  const entries = (rules: Iterable<AclRule>): Readonly<Record<string, readonly string[]>> => Object.fromEntries([...rules].map((rule) => [rule.pattern.form === 'prefix' ? rule.pattern.stem : rule.pattern.text, capabilitiesOf(rule)]))
  return { root: compiled.principal.root, exactPaths: entries(acl.exact.values()), globPaths: entries(acl.ranked) }
}
