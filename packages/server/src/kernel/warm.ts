// What an operation and the secret service declare so that a warm reveal can be answered by a compiled plan: without waiting,
// from the caches, with the very functions that the handler and the service use (architecture, section 8).

import type { Action, Caller, Grant, Resource, Verdict } from './call.ts'
import type { Revealed } from './secrets.ts'
import type { SecretAddress, Snapshot, ValueType } from './secret-model.ts'

/** Promises that the operation's answer depends on nothing but the secret that it reveals. */
export interface WarmAnswer {
  /**
   * The answer's data with `value` where the plaintext belongs; the handler makes its own with the same function.
   * Undefined: this version is the handler's to answer.
   */
  answer(address: SecretAddress, revealed: Omit<Revealed, 'plaintext'>, value: string): Readonly<Record<string, unknown>> | undefined
  /** `text`: the plaintext becomes a JSON string. `json`: it is a JSON document and becomes part of the answer as it is. */
  form(type: ValueType): 'text' | 'json'
}

/** A cached secret as the service keeps it. The same object for as long as nothing of it changed. */
export interface WarmSecret {
  readonly snapshot: Snapshot
}

/** The secret service's cache, asked without waiting. */
export interface WarmSecrets<Loaded extends WarmSecret = WarmSecret> {
  keyOf(address: SecretAddress, selector: string): string
  /** Undefined when it is not cached, when there is no such secret, or when this worker may not answer from its cache now. */
  cached(key: string): Loaded | undefined
  /** Decrypts for the holder of the grant. @throws what a reveal throws */
  open(grant: Grant, address: SecretAddress, cached: Loaded, facts: { readonly selector: string; readonly now: number }): Revealed
}

/** A login by a credential that is remembered, for requests that log in by their own headers. */
export interface WarmLogin {
  /** Whom it lets in at this moment of database time; undefined: that is to be judged the general way. Nothing has happened either way. */
  again(now: number, sourceIp: string | undefined): WarmHolder | undefined
}

/** Who a remembered login let in, with a token that serves one request and is never seen. */
export interface WarmHolder {
  /** But for what tells one token from another. */
  readonly caller: Caller
  readonly tokenId: string
  readonly accessorHmac: string
  decide(action: Action, resource: Resource, facts: { readonly sourceIp: string | undefined; readonly time: number; readonly door: string }): Verdict
}
