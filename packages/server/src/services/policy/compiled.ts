// One principal's rules, compiled once and asked many times. What it remembers is only ever what it would
// compute again: entries are compared with the whole resource, and dropped when an ACL block expires.

import { buildAclSet, renderBlocks, type AclBlock, type AclSet } from './acl/compile.ts'
import { compileStatements, type StatementSets } from './json/compile.ts'
import { resolveRules, type Resolved } from './resolve.ts'
import { compileRole, type CompiledRole } from './roles.ts'
import type { CompileInput, PolicyAction, PolicyResource, PrincipalView } from './types.ts'

/** Answers kept per principal; beyond that all are dropped, which costs microseconds each to make again. */
const maxRemembered = 512

interface Remembered {
  readonly resource: PolicyResource
  readonly resolved: Resolved
}

/** Made by `compilePrincipal`, read by `decide`, `explain` and `capabilities`. Cache it per token; its input must not change. */
export class CompiledPrincipal {
  readonly principal: PrincipalView
  readonly statements: StatementSets
  readonly roles: readonly CompiledRole[]
  readonly #blocks: readonly AclBlock[]
  #acl: AclSet
  readonly #remembered = new Map<PolicyAction, Map<string, Remembered>>()
  #count = 0

  constructor(input: CompileInput) {
    this.principal = input.principal
    this.statements = compileStatements(input)
    this.roles = input.roleBindings.map(compileRole)
    this.#blocks = renderBlocks(input.aclPolicies, input.principal.entity)
    this.#acl = buildAclSet(this.#blocks, 0)
  }

  /** The ACL set as it stands at a moment. */
  aclAt(time: number): AclSet {
    if (time >= this.#acl.from && time < this.#acl.until) return this.#acl
    this.#forget()
    this.#acl = buildAclSet(this.#blocks, time)
    return this.#acl
  }

  /** Which rules cover the request; remembered. */
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

/** All that a resolution depends on; `sudo` is a second question of its own. */
const sameResource = (a: PolicyResource, b: PolicyResource): boolean =>
  a.kind === b.kind && a.project === b.project && a.environment === b.environment && a.path === b.path
  && a.protected === b.protected && a.capability === b.capability

/** Compiles what one principal (or token) may do. Costs about as much as parsing; do it once. */
export const compilePrincipal = (input: CompileInput): CompiledPrincipal => new CompiledPrincipal(input)
