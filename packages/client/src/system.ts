// Initialising, unsealing and health: in Vault's shape, so that the same calls work for whoever knows Vault's.

import type { Caller } from './caller.ts'
import type { CallOptions, OperationFacts } from './operation.ts'

export interface SealStatus {
  readonly type: string
  readonly initialized: boolean
  readonly sealed: boolean
  /** Shares that open the seal. */
  readonly t: number
  /** Shares there are. */
  readonly n: number
  /** Shares given so far. */
  readonly progress: number
  readonly nonce: string
  readonly version: string
  /** It opens by itself; shares, if there are any, are for recovery. */
  readonly recovery_seal?: boolean
  readonly cluster_name?: string
  readonly cluster_id?: string
}

export interface InitResult {
  readonly keys: readonly string[]
  readonly keys_base64: readonly string[]
  /** Of a server that opens by itself. */
  readonly recovery_keys_base64?: readonly string[]
  readonly root_token: string
}

export interface InitInput {
  readonly secretShares?: number
  readonly secretThreshold?: number
  readonly pgpKeys?: readonly string[]
  readonly recoveryShares?: number
  readonly recoveryThreshold?: number
  readonly recoveryPgpKeys?: readonly string[]
  readonly rootTokenPgpKey?: string
}

/** `recovery`: the shares of a server that opens by itself. */
export type RekeyTarget = 'barrier' | 'recovery'

export interface RekeyInput {
  readonly secretShares: number
  readonly secretThreshold: number
  readonly pgpKeys?: readonly string[]
  readonly backup?: boolean
  readonly requireVerification?: boolean
}

export interface RekeyStatus {
  readonly nonce: string
  readonly started: boolean
  readonly t: number
  readonly n: number
  readonly progress: number
  readonly required: number
  /** Of the OpenPGP keys that the new shares are encrypted to. */
  readonly pgp_fingerprints: readonly string[] | null
  readonly backup: boolean
  readonly verification_required: boolean
  readonly verification_nonce?: string
}

/** After the last share: the new ones. Before it, how far it has come. */
export interface RekeyAnswer extends Partial<RekeyStatus> {
  readonly complete?: boolean
  readonly keys_base64?: readonly string[]
}

export interface Rekey {
  status(target: RekeyTarget, options?: CallOptions): Promise<RekeyStatus>
  start(target: RekeyTarget, input: RekeyInput, options?: CallOptions): Promise<RekeyStatus>
  cancel(target: RekeyTarget, nonce: string, options?: CallOptions): Promise<void>
  giveShare(target: RekeyTarget, input: { readonly nonce: string; readonly key: string }, options?: CallOptions): Promise<RekeyAnswer>
  /** One of the new shares, given back. */
  verify(target: RekeyTarget, input: { readonly nonce: string; readonly key: string }, options?: CallOptions): Promise<RekeyAnswer>
}

export interface RootStatus {
  readonly nonce: string
  readonly started: boolean
  readonly progress: number
  readonly required: number
  readonly complete: boolean
  /** Of the OpenPGP key that the token is encrypted to; empty: it is covered by a pad. */
  readonly pgp_fingerprint: string
  readonly encoded_token: string
  /** The one-time pad, when the server has just made one. */
  readonly otp: string
  readonly otp_length: number
}

export interface GenerateRoot {
  status(options?: CallOptions): Promise<RootStatus>
  start(input?: { readonly otp?: string; readonly pgpKey?: string }, options?: CallOptions): Promise<RootStatus>
  cancel(options?: CallOptions): Promise<void>
  giveShare(input: { readonly nonce: string; readonly key: string }, options?: CallOptions): Promise<RootStatus>
}

export interface Health {
  readonly initialized: boolean
  readonly sealed: boolean
  readonly standby: boolean
  readonly version: string
  readonly server_time_utc: number
}

export interface System {
  sealStatus(options?: CallOptions): Promise<SealStatus>
  health(options?: CallOptions): Promise<Health>
  init(input: InitInput, options?: CallOptions): Promise<InitResult>
  /** One share, in hex or base64; or a new start of the attempt. */
  unseal(input: { readonly key: string } | { readonly reset: true }, options?: CallOptions): Promise<SealStatus>
  seal(options?: CallOptions): Promise<void>
  readonly rekey: Rekey
  readonly generateRoot: GenerateRoot
}

const facts = (method: OperationFacts['method'], path: string, repeat: OperationFacts['repeat']): OperationFacts => ({ method, path: `/v1/sys/${path}`, query: [], repeat, bare: true })

// What comes back is Vault's contract, checked by the server's own tests; the casts stand for it.
export const createSystem = (call: Caller): System => ({
  sealStatus: async (options) => (await call(facts('GET', 'seal-status', 'safe'), {}, options)) as SealStatus,
  // Every state is an answer here, not an error: Vault's clients ask for the same.
  health: async (options) => (await call(facts('GET', 'health?standbyok=true&sealedcode=200&uninitcode=200', 'safe'), {}, options)) as Health,
  init: async (input, options) => (await call(facts('PUT', 'init', 'never'), snake(input), options)) as InitResult,
  unseal: async (input, options) => (await call(facts('PUT', 'unseal', 'never'), input, options)) as SealStatus,
  seal: async (options) => {
    await call(facts('PUT', 'seal', 'never'), {}, options)
  },
  rekey: createRekey(call),
  generateRoot: createGenerateRoot(call),
})

/** `secretShares` is `secret_shares` on Vault's paths. */
const snake = (input: object): Record<string, unknown> => Object.fromEntries(Object.entries(input).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), value]))

const createRekey = (call: Caller): Rekey => {
  const path = (target: RekeyTarget, end: string): string => `${target === 'barrier' ? 'rekey' : 'rekey-recovery-key'}/${end}`
  return {
    status: async (target, options) => (await call(facts('GET', path(target, 'init'), 'safe'), {}, options)) as RekeyStatus,
    start: async (target, input, options) => (await call(facts('PUT', path(target, 'init'), 'never'), snake(input), options)) as RekeyStatus,
    cancel: async (target, nonce, options) => {
      await call({ ...facts('DELETE', path(target, 'init'), 'never'), sendsBody: true }, { nonce }, options)
    },
    giveShare: async (target, input, options) => (await call(facts('PUT', path(target, 'update'), 'never'), input, options)) as RekeyAnswer,
    verify: async (target, input, options) => (await call(facts('PUT', path(target, 'verify'), 'never'), input, options)) as RekeyAnswer,
  }
}

const createGenerateRoot = (call: Caller): GenerateRoot => ({
  status: async (options) => (await call(facts('GET', 'generate-root/attempt', 'safe'), {}, options)) as RootStatus,
  start: async (input = {}, options) => (await call(facts('PUT', 'generate-root/attempt', 'never'), snake(input), options)) as RootStatus,
  cancel: async (options) => {
    await call(facts('DELETE', 'generate-root/attempt', 'never'), {}, options)
  },
  giveShare: async (input, options) => (await call(facts('PUT', 'generate-root/update', 'never'), input, options)) as RootStatus,
})
