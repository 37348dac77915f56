// What people do together with their shares while the server is unsealed: new shares, a new root token, slots. All of it
// lives in the supervisor, so that each share may reach another worker; a seal forgets it.

import type { Recipient } from './seal-control.ts'

/** `barrier`: what opens the seal. `recovery`: the shares beside a slot that opens by itself. */
export type RekeyTarget = 'barrier' | 'recovery'

export interface RekeyPlan {
  readonly shares: number
  readonly threshold: number
  /** Empty, or as many as shares: each new share comes back encrypted to its key. */
  readonly recipients: readonly Recipient[]
  /** Keep the encrypted shares in the database, too. */
  readonly backup: boolean
  /** Nothing changes until a threshold of the new shares has been given back. */
  readonly verify: boolean
}

export interface RekeyStatus {
  readonly started: boolean
  readonly nonce: string
  readonly shares: number
  readonly threshold: number
  readonly progress: number
  /** Present shares that are needed. */
  readonly required: number
  readonly fingerprints: readonly string[]
  readonly backup: boolean
  readonly verify: boolean
  /** Empty until the new shares are there to be verified. */
  readonly verificationNonce: string
  readonly verificationProgress: number
}

/** Set when the share was the last that was needed. */
export interface RekeyAnswer {
  readonly status: RekeyStatus
  readonly done: boolean
  readonly nonce: string
  /** The new shares, once; raw, or encrypted when there were keys. Empty while not done. The caller wipes them. */
  readonly shares: readonly Buffer[]
}

export interface RootStatus {
  readonly started: boolean
  readonly nonce: string
  readonly progress: number
  readonly required: number
  readonly fingerprint: string
}

/** How a new root token leaves: under a one-time pad that the asking side knows, or encrypted to a key. */
export type RootCover = { readonly otp: string } | { readonly recipient: Recipient }

export interface RootAnswer {
  readonly status: RootStatus
  /** Set when the shares have proved the right to a root token: the asking worker makes it. */
  readonly cover: RootCover | undefined
}

export interface SlotInfo {
  readonly slotId: string
  readonly kind: string
  readonly shares: number | null
  readonly threshold: number | null
  readonly generation: number
  /** Old shares that stay valid until the new ones are known to have arrived. */
  readonly isBridge: boolean
}

/** Who is asking, for the record that a change of keys commits with itself. */
export interface Asking {
  readonly requestId: string
  readonly sourceIp?: string | undefined
  readonly principal?: string | undefined
}

/** Each share given as `share` is wiped. All refuse with `seal.sealed` while sealed. */
export interface Ceremonies {
  rekeyStatus(target: RekeyTarget): Promise<RekeyStatus>
  startRekey(target: RekeyTarget, plan: RekeyPlan): Promise<RekeyStatus>
  /** Within ten minutes of its start only with its nonce. */
  cancelRekey(target: RekeyTarget, nonce: string): Promise<void>
  giveRekeyShare(target: RekeyTarget, nonce: string, share: Buffer, asking: Asking): Promise<RekeyAnswer>
  giveNewShare(target: RekeyTarget, nonce: string, share: Buffer, asking: Asking): Promise<RekeyAnswer>
  restartVerification(target: RekeyTarget): Promise<RekeyStatus>
  backup(): Promise<{ readonly nonce: string; readonly keys: Readonly<Record<string, readonly string[]>> } | undefined>
  deleteBackup(): Promise<void>
  /** The answer with this id has left with the new shares in it: the old ones end. */
  delivered(requestId: string): Promise<void>

  rootStatus(): Promise<RootStatus>
  startRoot(cover: RootCover): Promise<RootStatus>
  cancelRoot(): Promise<void>
  giveRootShare(nonce: string, share: Buffer): Promise<RootAnswer>

  slots(): Promise<readonly SlotInfo[]>
  /** The shares of a slot of shares are the caller's to wipe. */
  addSlot(request: { readonly kind: 'shamir'; readonly shares: number; readonly threshold: number; readonly recipients: readonly Recipient[] } | { readonly kind: 'keyfile'; readonly keyFile: string }, asking: Asking): Promise<{ readonly slotId: string; readonly shares: readonly Buffer[] }>
  /** Makes a new root key. `shares` open the slots of people that stay, `keyFiles` those whose file this server is not set up with. */
  rotateRoot(request: { readonly remove?: string | undefined; readonly keyFiles?: readonly string[] | undefined }, shares: readonly Buffer[], asking: Asking): Promise<{ readonly generation: number }>
}
