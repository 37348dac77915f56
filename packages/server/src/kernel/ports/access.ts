// The port over principals, tokens, roles and policies that contracts use; services/identity and services/policy fill it.

import type { Action, Call, Caller, Grant, Resource } from '../call.ts'
import type { BindingRow, PolicyKind, PolicyRow, PrincipalKind, PrincipalRow, TokenRow } from '../identity.ts'
import type { Secret } from '../../crypto/secret.ts'

export interface IssueCommand {
  readonly name: string
  readonly kind: 'service_account' | 'user'
  readonly role: string | undefined
  readonly mountId: string | undefined
  readonly environment: string | undefined
  readonly policies: readonly string[]
  readonly ttlSeconds: number
  readonly maxTtlSeconds: number
  readonly numUses: number
  readonly boundCidrs: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
}

export interface Issued {
  readonly token: Secret<string>
  readonly row: TokenRow
  readonly principal: PrincipalRow
}

export interface ConsideredRule {
  readonly rule: string
  readonly effect: string
  readonly matched: boolean
  readonly why: string
}

export interface Explained {
  readonly allow: boolean
  readonly rule: string
  readonly reason: string
  /** Conditions that are not met, when an allow would apply but for them. */
  readonly missing?: readonly string[] | undefined
  readonly considered: readonly ConsideredRule[]
}

export interface AccessPort {
  issue(grant: Grant, call: Call, command: IssueCommand): Promise<Issued>
  self(call: Call, caller: Caller): Promise<TokenRow>
  listTokens(grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly { readonly token: TokenRow; readonly principalName: string | undefined }[]>
  revoke(grant: Grant | 'self', call: Call, by: { readonly accessor: string } | { readonly tokenId: string }): Promise<number>
  renew(grant: Grant | 'self', call: Call, by: { readonly tokenId: string }, incrementSeconds: number | undefined): Promise<TokenRow>
  createPrincipal(grant: Grant, call: Call, command: { readonly kind: PrincipalKind; readonly name: string }): Promise<PrincipalRow>
  listPrincipals(grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly PrincipalRow[]>
  bindRole(grant: Grant, call: Call, command: { readonly principalId: string; readonly role: string; readonly mountId: string | undefined; readonly environment: string | undefined }): Promise<BindingRow>
  listBindings(grant: Grant, call: Call, principalId: string | undefined): Promise<readonly BindingRow[]>
  /** What a binding is about, for asking whether it may be taken away. Undefined: no such binding. */
  bindingScope(call: Call, bindingId: string): Promise<{ readonly project: string | undefined; readonly environment: string | undefined } | undefined>
  unbindRole(grant: Grant, call: Call, bindingId: string): Promise<void>
  /** Parses the body first; the warnings name wildcards that reach every project or environment. @throws invalid_request */
  putPolicy(grant: Grant, call: Call, command: { readonly kind: PolicyKind; readonly name: string; readonly body: string }): Promise<{ readonly policy: PolicyRow; readonly warnings: readonly string[] }>
  listPolicies(grant: Grant, call: Call): Promise<readonly PolicyRow[]>
  deletePolicy(grant: Grant, call: Call, kind: PolicyKind, name: string): Promise<void>
  /** For the caller itself, or, with a grant, for another token. */
  explain(call: Call, caller: Caller, action: Action, resource: Resource, other: { readonly grant: Grant; readonly accessor: string } | undefined): Promise<Explained>
}
