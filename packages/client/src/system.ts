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
  readonly cluster_name?: string
  readonly cluster_id?: string
}

export interface InitResult {
  readonly keys: readonly string[]
  readonly keys_base64: readonly string[]
  readonly root_token: string
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
  init(input: { readonly secretShares: number; readonly secretThreshold: number }, options?: CallOptions): Promise<InitResult>
  /** One share, in hex or base64; or a new start of the attempt. */
  unseal(input: { readonly key: string } | { readonly reset: true }, options?: CallOptions): Promise<SealStatus>
  seal(options?: CallOptions): Promise<void>
}

const facts = (method: OperationFacts['method'], path: string, repeat: OperationFacts['repeat']): OperationFacts => ({ method, path: `/v1/sys/${path}`, query: [], repeat, bare: true })

// What comes back is Vault's contract, checked by the server's own tests; the casts stand for it.
export const createSystem = (call: Caller): System => ({
  sealStatus: async (options) => (await call(facts('GET', 'seal-status', 'safe'), {}, options)) as SealStatus,
  // Every state is an answer here, not an error: Vault's clients ask for the same.
  health: async (options) => (await call(facts('GET', 'health?standbyok=true&sealedcode=200&uninitcode=200', 'safe'), {}, options)) as Health,
  init: async ({ secretShares, secretThreshold }, options) => (await call(facts('PUT', 'init', 'never'), { secret_shares: secretShares, secret_threshold: secretThreshold }, options)) as InitResult,
  unseal: async (input, options) => (await call(facts('PUT', 'unseal', 'never'), input, options)) as SealStatus,
  seal: async (options) => {
    await call(facts('PUT', 'seal', 'never'), {}, options)
  },
})
