// The vocabulary of a policy decision. Everything here is plain data: whoever loads tokens, policies and
// role bindings fills these shapes, the engine never loads anything itself.

import type { Action } from '../../kernel/call.ts'

/** What an operation does, in the product's own terms (kernel/call.ts). */
export type FineAction = Action

/** The words of a Vault or OpenBao ACL policy. `deny` is a rule, never a request. */
export type VaultCapability = 'create' | 'read' | 'update' | 'patch' | 'delete' | 'list' | 'scan' | 'sudo' | 'subscribe' | 'recover' | 'deny'

/** What may be asked of `decide`: a fine action, or a capability that an engine's operation needs as it is. */
export type PolicyAction = FineAction | Exclude<VaultCapability, 'deny'>

/** Which family of things a resource belongs to; JSON action names and roles are per kind. */
export type ResourceKind =
  | 'secret'
  | 'environment'
  | 'project'
  | 'organization'
  /** Who owns a project or an organization: changing that is kept from admins. */
  | 'owner'
  | 'policy'
  | 'token'
  | 'identity'
  | 'auth'
  /** Any mounted engine that is not a project: transit, database, pki, ... */
  | 'engine'
  | 'lease'
  | 'audit'
  | 'billing'
  /** The organization's own `sys/` paths. */
  | 'system'
  /** Seal, organizations, sinks: no role reaches these. */
  | 'platform'

export interface PolicyResource {
  readonly kind: ResourceKind
  /** Canonical Vault API path without a leading slash: `secret/data/prod/payments/stripe`. A trailing slash means a list. */
  readonly apiPath: string
  /** Mount path without the trailing slash. */
  readonly project?: string | undefined
  /** Registered environment, or `default`. */
  readonly environment?: string | undefined
  /** Path below the environment, without a leading slash; empty or absent for the environment itself. */
  readonly path?: string | undefined
  /** Whether the environment is protected. Roles take an absent value for true, so that forgetting it never releases a secret. */
  readonly protected?: boolean | undefined
  /** The capability that the Vault verb needs where the action's own does not say it: `patch` for an update, `delete` on a metadata path. */
  readonly capability?: Exclude<VaultCapability, 'deny'> | undefined
  /** One of Vault's sudo-protected paths: `sudo` is needed besides the action. */
  readonly sudo?: boolean | undefined
}

/** What templates such as `{{identity.entity.metadata.team}}` are filled from. */
export interface EntityView {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  /** By mount accessor. */
  readonly aliases: Readonly<Record<string, EntityAliasView>>
  readonly groups: readonly { readonly id: string; readonly name: string; readonly metadata: Readonly<Record<string, string>> }[]
}

export interface EntityAliasView {
  readonly id: string
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  readonly customMetadata: Readonly<Record<string, string>>
}

export interface PrincipalView {
  readonly id: string
  /** Every name that a JSON policy may call it by: `service:prod:payments-api`, `user:ann`, `group:payments-oncall`. */
  readonly names: readonly string[]
  /** A root token. Nothing restrains it except its lock. */
  readonly root: boolean
  /** A token locked to a project, or to one environment of it, reaches nothing outside, whatever its policies say. */
  readonly lock?: { readonly project: string; readonly environment?: string | undefined } | undefined
  readonly entity?: EntityView | undefined
  /** Whether the login that gave the token included a second step. */
  readonly mfa?: boolean | undefined
}

/** The facts of one request. Only verified ones: a header is not a source of `sourceCluster` or `mfa`. */
export interface RequestContext {
  /** The caller's address after trusted proxies were taken off. */
  readonly sourceIp?: string | undefined
  readonly mfa: boolean
  readonly ticket?: string | undefined
  readonly reason?: string | undefined
  /** From the claims that the workload logged in with. */
  readonly sourceCluster?: string | undefined
  /** Database time, in milliseconds since the epoch. */
  readonly time: number
  readonly door: string
  /** Body and query of a Vault request, for allowed, denied and required parameters. Absent: the operation has none. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined
  /** The TTL of X-Vault-Wrap-TTL, when the response is to be wrapped. */
  readonly wrapTtlSeconds?: number | undefined
}

export type ConditionName = 'mfa' | 'ticketRequired' | 'reasonRequired' | 'sourceCluster' | 'sourceCidr' | 'timeWindow' | 'notBefore' | 'notAfter' | 'environment'

export interface Decision {
  readonly allow: boolean
  /** The rule that decided: `root`, `token-lock`, `acl:<policy> path "<pattern>"`, `json:<policy>#<statement>`, `role:<role>@<scope>` or `default-deny`. */
  readonly rule: string
  /** A sentence for the audit record and for those who may see why. */
  readonly reason: string
  /** When an allow rule covers the request but for conditions of the request: which ones were not met. */
  readonly missing?: readonly ConditionName[] | undefined
}

// ── Vault ACL policies ──────────────────────────────────────────────────────

/** One `path` block as written. Merging blocks with the same pattern is the compiler's work. */
export interface AclPathRule {
  /** As written, without leading slashes; may hold `{{templates}}`. */
  readonly pattern: string
  readonly capabilities: readonly VaultCapability[]
  /** Lower-case parameter name to permitted values; an empty list permits every value; `*` is every parameter. */
  readonly allowedParameters?: ReadonlyMap<string, readonly ParameterValue[]> | undefined
  readonly deniedParameters?: ReadonlyMap<string, readonly ParameterValue[]> | undefined
  readonly requiredParameters?: readonly string[] | undefined
  readonly minWrappingTtlSeconds?: number | undefined
  readonly maxWrappingTtlSeconds?: number | undefined
  /** Milliseconds since the epoch from which on the block no longer exists. */
  readonly expiresAt?: number | undefined
}

export type ParameterValue = string | number | boolean | null | readonly ParameterValue[] | { readonly [key: string]: ParameterValue }

export interface AclPolicy {
  readonly name: string
  readonly paths: readonly AclPathRule[]
}

// ── JSON policies ───────────────────────────────────────────────────────────

/** A resource as written, taken apart. `project` undefined: the default project. */
export type ResourcePattern =
  | { readonly form: 'path'; readonly text: string; readonly project: string | undefined; readonly pattern: string }
  | { readonly form: 'api'; readonly text: string; readonly pattern: string }

export interface TimeWindow {
  /** Minutes after midnight, UTC plus `offsetMinutes`. `from` after `to` spans midnight. */
  readonly fromMinute: number
  readonly toMinute: number
  /** 0 is Sunday. A window that spans midnight belongs to the day it began. */
  readonly days: readonly number[]
  readonly offsetMinutes: number
}

export interface Conditions {
  readonly mfa?: true | undefined
  readonly ticketRequired?: true | undefined
  readonly reasonRequired?: true | undefined
  readonly sourceCluster?: readonly string[] | undefined
  readonly sourceCidr?: readonly string[] | undefined
  readonly timeWindow?: TimeWindow | undefined
  readonly notBefore?: number | undefined
  readonly notAfter?: number | undefined
  readonly environment?: readonly string[] | undefined
}

export interface JsonStatement {
  /** Names the statement in decisions: its `id`, else its position from 1. */
  readonly id: string
  readonly effect: 'allow' | 'deny'
  readonly principals: readonly string[]
  /** As written: `secrets:read`. */
  readonly actions: readonly string[]
  readonly resources: readonly ResourcePattern[]
  readonly conditions: Conditions
}

export interface JsonPolicy {
  readonly name: string
  readonly statements: readonly JsonStatement[]
}

// ── Roles ───────────────────────────────────────────────────────────────────

export type Role = 'auditor' | 'reader' | 'developer' | 'admin' | 'owner' | 'billing'

export type RoleScope =
  | { readonly level: 'organization' }
  | { readonly level: 'project'; readonly project: string }
  | { readonly level: 'environment'; readonly project: string; readonly environment: string }

export interface RoleBinding {
  readonly role: Role
  readonly scope: RoleScope
}

// ── Compilation and explanation ─────────────────────────────────────────────

export interface CompileInput {
  readonly principal: PrincipalView
  readonly aclPolicies: readonly AclPolicy[]
  readonly jsonPolicies: readonly JsonPolicy[]
  readonly roleBindings: readonly RoleBinding[]
  /**
   * What a resource without a project means. Never taken from a request header: the caller of a request
   * must not choose what its own policy means. Absent: such resources match nothing.
   */
  readonly defaultProject?: string | undefined
}

/** One rule that was looked at, and what came of it. */
export interface ConsideredRule {
  readonly rule: string
  readonly effect: 'allow' | 'deny' | 'none'
  readonly matched: boolean
  readonly why: string
}

export interface Explanation {
  readonly decision: Decision
  readonly considered: readonly ConsideredRule[]
}
