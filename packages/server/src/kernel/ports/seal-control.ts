// What a worker may ask of the supervisor, which alone owns the seal state. A worker's HTTP doors see only this port;
// the wire below it (supervisor/control) carries shares and keys as raw bytes, never as JSON.

export interface SealStatus {
  readonly initialized: boolean
  readonly sealed: boolean
  /** Kind of the slot that a person opens: `shamir`, or `keyfile` and other kinds that open by themselves. */
  readonly type: string
  readonly shares: number
  readonly threshold: number
  /** Shares given so far in the current unseal attempt. */
  readonly progress: number
  /** Names one unseal attempt; empty when none is under way. */
  readonly nonce: string
  readonly version: string
  readonly clusterName?: string | undefined
  readonly clusterId?: string | undefined
}

export interface InitRequest {
  readonly shares: number
  readonly threshold: number
}

export interface InitResult {
  /** Each share as raw bytes; the door encodes them and wipes them. Empty when a slot opens by itself. */
  readonly shares: readonly Buffer[]
  readonly rootToken: string
}

export interface SealControl {
  status(): Promise<SealStatus>
  /** Throws invalid_request (`seal.already_initialised`, bad numbers). */
  initialise(request: InitRequest): Promise<InitResult>
  /** Takes the share's bytes and wipes them. Throws invalid_request naming a share that does not fit. */
  submitShare(share: Buffer): Promise<SealStatus>
  resetUnseal(): Promise<SealStatus>
  /** Drops the root key and replaces every worker by a process that never saw one. */
  seal(): Promise<void>
}

/** What compose() gives to worker.ts. */
export interface WorkerApp {
  /** Opens the keyring with the root key; the callee wipes the bytes. Resolves when requests can be served. */
  unseal(rootKey: Buffer): Promise<void>
  listen(): Promise<void>
  /** Stops accepting, serves what is queued, closes spool, pools and leases. */
  drain(): Promise<void>
}
