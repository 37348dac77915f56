// What a worker may ask of the supervisor, which alone owns the seal state. A worker's HTTP doors see only this port;
// the wire below it (supervisor/control) carries shares and keys as raw bytes, never as JSON.

export interface SealStatus {
  readonly initialized: boolean
  readonly sealed: boolean
  /** Kind of the slot that a person opens: `shamir`, or `keyfile` and other kinds that open by themselves. */
  readonly type: string
  /** Whether it opens by itself and shares, if there are any, are for recovery. */
  readonly recoverySeal: boolean
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
  /** As many as shares; each share comes back encrypted to its key. */
  readonly recipients?: readonly Recipient[] | undefined
  /** Shares beside a slot that opens by itself. */
  readonly recovery?: { readonly shares: number; readonly threshold: number; readonly recipients?: readonly Recipient[] | undefined } | undefined
  readonly tokenRecipient?: Recipient | undefined
}

/** A person's OpenPGP key, checked. */
export interface Recipient {
  readonly fingerprint: string
  /** Base64 of the binary key. */
  readonly key: string
}

export interface InitResult {
  /** Each share as raw bytes; the door encodes them and wipes them. Empty when a slot opens by itself. */
  readonly shares: readonly Buffer[]
  readonly recoveryShares: readonly Buffer[]
  /** Base64 of an OpenPGP message when it was asked to be encrypted. */
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
  unseal(rootKey: Buffer, generation: number): Promise<void>
  /** The root key was rotated: takes the one that follows; the callee wipes the bytes. */
  replaceRoot(rootKey: Buffer, generation: number): Promise<void>
  listen(): Promise<void>
  /** Opens anew what may have been renamed. */
  reopen?(): Promise<void>
  /** Stops accepting, serves what is queued, closes spool, pools and leases. */
  drain(): Promise<void>
}
