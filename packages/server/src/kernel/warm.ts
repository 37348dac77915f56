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

/** One secret of a batch, as its answer is made of it. */
export interface BatchValue {
  readonly path: string
  readonly type: ValueType
  readonly version: number
  readonly text: string
}

/** Promises that the operation's answer depends on nothing but its input and all readable secrets of one folder, each of which the policy was asked about by `may`. */
export interface WarmBatch {
  /** In the records of the secrets. */
  readonly action: string
  /** What the policy is asked about: a secret below the folder, or the folder by its own path. */
  resource(action: Action, folder: SecretAddress, path: string, isProtected: boolean): Resource
  /** Whether a secret belongs to the answer, by what the policy says of it. */
  may(verdictOn: (action: BatchAction) => Verdict): boolean
  /** The answer's data when nothing is withheld. The handler makes its own with the same function. @throws what the handler throws */
  answer(input: Readonly<Record<string, unknown>>, folder: SecretAddress, values: readonly BatchValue[]): Readonly<Record<string, unknown>>
}

/** What the policy is asked about each secret of a batch. */
export type BatchAction = 'export' | 'reveal'

/** What gives a folder at once, the first that is allowed. */
export const FOLDER_ACTIONS = ['export', 'reveal', 'list'] as const satisfies readonly Action[]

/** All that a folder's cache entry is found by. */
export interface BatchSelection {
  readonly alias: string
  readonly limit: number
}

/** A cached secret as the service keeps it. The same object for as long as nothing of it changed. */
export interface WarmSecret {
  readonly snapshot: Snapshot
}

/** One secret of a cached folder. */
export interface WarmItem<Loaded extends WarmSecret> {
  readonly path: string
  /** Undefined: there was no version to hand out when the folder was read. */
  readonly secret: Loaded | undefined
  readonly failure?: Error
}

/** An answer with values in it, encrypted under a key that is nowhere but in memory, and ends with it. */
export interface KeptAnswer {
  readonly length: number
  /** For the holder of the grant, who wipes it. */
  open(grant: Grant): Buffer
}

/** The secret service's cache, asked without waiting. */
export interface WarmSecrets<Loaded extends WarmSecret = WarmSecret> {
  keyOf(address: SecretAddress, selector: string): string
  /** Undefined when it is not cached, when there is no such secret, or when this worker may not answer from its cache now. */
  cached(key: string): Loaded | undefined
  folderKeyOf(folder: SecretAddress, selection: BatchSelection): string
  /** The same for all secrets of a folder. */
  cachedFolder(key: string): readonly WarmItem<Loaded>[] | undefined
  /** Whether the version may be handed out now. */
  isReadable(address: SecretAddress, cached: Loaded, facts: { readonly selector: string; readonly now: number }): boolean
  /** The answer is the caller's to wipe. */
  keep(answer: Buffer): KeptAnswer
  /** Decrypts for the holder of the grant. @throws what a reveal throws */
  open(grant: Grant, address: SecretAddress, cached: Loaded, facts: { readonly selector: string; readonly now: number }): Revealed
}

/** A login by a credential that is remembered, for requests that log in by their own headers. */
export interface WarmHolding {
  /** Whom it lets in at this moment of database time; undefined: that is to be judged the general way. Nothing has happened either way. */
  hold(now: number, sourceIp: string | undefined): WarmHolder | undefined
}

/** Who a remembered login let in, with a token that serves one request and is never seen. */
export interface WarmHolder {
  /** But for what tells one token from another. */
  readonly caller: Caller
  readonly tokenId: string
  readonly accessorHmac: string
  decide(action: Action, resource: Resource, facts: { readonly sourceIp: string | undefined; readonly time: number; readonly door: string }): Verdict
}

/** A login by a credential that is remembered, with a token that needs no row. */
export interface WarmIssuing {
  /** A token, good when its record is durable; undefined: that is to be judged the general way. */
  issue(now: number, sourceIp: string | undefined): { readonly token: string; readonly tokenId: string } | undefined
  /** The answer's data with `token` where the token belongs; all else is the same each time. */
  answer(token: string): Readonly<Record<string, unknown>>
}

export type WarmLogin = WarmHolding | WarmIssuing
