// One principal's rules, compiled once and asked many times. What is remembered is only ever what would be
// computed again: entries are compared with the whole resource, and dropped when an ACL block expires.
//
// Principals with the same policies, statements and roles share one set of rules. Only paths with `{{identity…}}` differ
// between them: a path that begins like none of those is answered by what is shared, any other by a set of its own.

import { Recent } from '../../lib/recent.ts'
import { buildAclSet, renderBlocks, type AclBlock, type AclSet } from './acl/compile.ts'
import { mayMeet } from './acl/pattern.ts'
import { compileStatements, namingOf, type StatementSets } from './json/compile.ts'
import { resolveRules, type Resolved } from './resolve.ts'
import { compileRole, type CompiledRole } from './roles.ts'
import type { AclPolicy, CompileInput, PolicyAction, PolicyResource, PrincipalView } from './types.ts'

/** Answers kept per set of rules; beyond that all are dropped, which costs microseconds each to make again. */
const maxRemembered = 1024
/** Sets of rules that principals share, of one organization. */
const maxSets = 256

interface Remembered {
  readonly resource: PolicyResource
  readonly resolved: Resolved
}

/** Rules as they are asked. */
class RuleSet {
  readonly statements: StatementSets
  readonly roles: readonly CompiledRole[]
  readonly #blocks: readonly AclBlock[]
  #acl: AclSet
  readonly #remembered = new Map<PolicyAction, Map<string, Remembered>>()
  #count = 0

  constructor({ statements, roles }: Pick<RuleSet, 'statements' | 'roles'>, blocks: readonly AclBlock[]) {
    this.statements = statements
    this.roles = roles
    this.#blocks = blocks
    this.#acl = buildAclSet(blocks, 0)
  }

  aclAt(time: number): AclSet {
    if (time >= this.#acl.from && time < this.#acl.until) return this.#acl
    this.#forget()
    this.#acl = buildAclSet(this.#blocks, time)
    return this.#acl
  }

  resolve(action: PolicyAction, resource: PolicyResource, time: number): Resolved {
    const acl = this.aclAt(time)
    const known = this.#remembered.get(action)?.get(resource.apiPath)
    if (known !== undefined && sameResource(known.resource, resource)) return known.resolved
    const resolved = resolveRules({ acl, statements: this.statements, roles: this.roles }, action, resource)
    this.#remember(action, resource, resolved)
    return resolved
  }

  #remember(action: PolicyAction, resource: PolicyResource, resolved: Resolved): void {
    if (this.#count >= maxRemembered) this.#forget()
    this.#count += 1
    const entries = this.#remembered.get(action)
    // A copy: the caller's object may be one that it fills anew for each request.
    const entry = { resource: { ...resource }, resolved }
    if (entries === undefined) this.#remembered.set(action, new Map([[resource.apiPath, entry]]))
    else entries.set(resource.apiPath, entry)
  }

  #forget(): void {
    this.#remembered.clear()
    this.#count = 0
  }
}

/** What principals with the same policies, statements and roles have in common. */
interface Common {
  readonly set: RuleSet
  readonly aclPolicies: readonly AclPolicy[]
  /** How paths begin that are not the same for everybody. */
  readonly beginnings: readonly string[]
}

/** Made by a `RuleBook`, read by `decide`, `explain` and `capabilities`. Cache it per token; its input must not change. */
export class CompiledPrincipal {
  readonly principal: PrincipalView
  readonly #common: Common
  #own: RuleSet | undefined

  constructor(principal: PrincipalView, common: Common) {
    this.principal = principal
    this.#common = common
  }

  get statements(): StatementSets {
    return this.#common.set.statements
  }

  get roles(): readonly CompiledRole[] {
    return this.#common.set.roles
  }

  /** The whole ACL set as it stands at a moment. */
  aclAt(time: number): AclSet {
    return this.#whole().aclAt(time)
  }

  /** Which rules cover the request; remembered. */
  resolve(action: PolicyAction, resource: PolicyResource, time: number): Resolved {
    const { set, beginnings } = this.#common
    for (const beginning of beginnings) if (mayBegin(resource.apiPath, beginning)) return this.#whole().resolve(action, resource, time)
    return set.resolve(action, resource, time)
  }

  /** Those that decide about every path that begins like this. */
  rulesBelow(beginning: string, time: number): { readonly acl: AclSet; readonly statements: StatementSets } {
    const { set, beginnings } = this.#common
    const rules = beginnings.some((each) => mayMeet(each, beginning)) ? this.#whole() : set
    return { acl: rules.aclAt(time), statements: rules.statements }
  }

  #whole(): RuleSet {
    const { set, aclPolicies, beginnings } = this.#common
    if (beginnings.length === 0) return set
    this.#own ??= new RuleSet(set, renderBlocks(aclPolicies, this.principal.entity))
    return this.#own
  }
}

const isTemplated = (pattern: string): boolean => pattern.includes('{{')

/** Whatever a pattern is rendered to begins so, and so does every path that it then matches, literally: up to the first template or wildcard. */
const beginningOf = (pattern: string): string => /^(?:(?!\{\{|[+*])[^])*/.exec(pattern)?.[0] ?? ''

/** Lists are judged by the path with a slash behind it, too. */
const mayBegin = (path: string, beginning: string): boolean => path.startsWith(beginning) || (path.length + 1 === beginning.length && beginning.endsWith('/') && beginning.startsWith(path))

/** All that a resolution depends on; `sudo` is a second question of its own. */
const sameResource = (a: PolicyResource, b: PolicyResource): boolean =>
  a.kind === b.kind && a.project === b.project && a.environment === b.environment && a.path === b.path
  && a.protected === b.protected && a.capability === b.capability

/** Compiles principals, each set of rules once. It lives as long as the policies that it is asked about: they are told apart by what they are, not by their names. */
export class RuleBook {
  readonly #sets = new Recent<string, Common>(maxSets)
  readonly #numbers = new WeakMap<object, number>()
  #last = 0

  compile(input: CompileInput): CompiledPrincipal {
    const key = this.#keyOf(input)
    const known = this.#sets.get(key)
    if (known !== undefined) return new CompiledPrincipal(input.principal, known)
    const templated = input.aclPolicies.flatMap(({ paths }) => paths).filter(({ pattern }) => isTemplated(pattern))
    const common = {
      // For nobody, nothing that has a template is left.
      set: new RuleSet({ statements: compileStatements(input), roles: input.roleBindings.map(compileRole) }, renderBlocks(input.aclPolicies, undefined)),
      aclPolicies: input.aclPolicies,
      beginnings: [...new Set(templated.map(({ pattern }) => beginningOf(pattern)))],
    }
    this.#sets.set(key, common)
    return new CompiledPrincipal(input.principal, common)
  }

  #keyOf({ principal, aclPolicies, jsonPolicies, roleBindings, defaultProject }: CompileInput): string {
    return JSON.stringify([aclPolicies.map((policy) => this.#numberOf(policy)), this.#numberOf(jsonPolicies), namingOf(jsonPolicies, principal), roleBindings.map(({ role, scope }) => [role, scope]), defaultProject ?? null])
  }

  #numberOf(thing: object): number {
    const known = this.#numbers.get(thing)
    if (known !== undefined) return known
    this.#last += 1
    this.#numbers.set(thing, this.#last)
    return this.#last
  }
}

/** Compiles what one principal (or token) may do, by itself. Costs about as much as parsing; do it once. */
export const compilePrincipal = (input: CompileInput): CompiledPrincipal => new RuleBook().compile(input)
