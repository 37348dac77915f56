// New shares for old ones. Gathers a threshold of the present shares, makes the new ones, encrypts them if that is wanted,
// and, when they are to be verified, waits for a threshold of them before anything changes.

import { equalBytes } from '../../crypto/compare.ts'
import { makeUuidV4 } from '../../crypto/random.ts'
import { combineShares, shareFingerprint } from '../../crypto/shamir.ts'
import { fail } from '../../kernel/errors.ts'
import type { Asking, RekeyAnswer, RekeyPlan, RekeyStatus, RekeyTarget } from '../../kernel/ports/ceremonies.ts'
import type { Recipient } from '../../kernel/ports/seal-control.ts'
import { wipe } from '../../lib/bytes.ts'
import { LockedKey } from '../../seal/locked-key.ts'
import type { NewSlot } from '../../seal/open.ts'
import type { ShareBackup, Slot } from '../../seal/repository.ts'
import type { NewShares } from '../../seal/rotation.ts'
import { coverShares } from './covering.ts'
import { requiredOf, requireNonce, requireShareSlots, ShareGathering } from './share-gathering.ts'

/** What a rekey needs of the seal. */
export interface RekeyPorts {
  readonly target: RekeyTarget
  /** Monotonic milliseconds. */
  now(): number
  makeShares(numbers: { readonly shares: number; readonly threshold: number }): Promise<NewSlot>
  /** Throws when the shares open nothing. */
  prove(shares: readonly Buffer[]): Promise<void>
  /** Makes a new root key, with new shares unless undefined; the present ones are taken over. */
  rotate(shares: readonly Buffer[], rekey: NewShares | undefined, asking: Asking): Promise<void>
}

/** Present shares and what will replace them, while people try the new ones. */
interface Verification {
  readonly present: readonly LockedKey[]
  readonly slotKey: LockedKey
  /** Without its key and shares. */
  readonly slot: NewSlot
  readonly backup: ShareBackup | undefined
  readonly given: Map<string, LockedKey>
  nonce: string
}

interface Under {
  readonly nonce: string
  readonly plan: RekeyPlan
  readonly startedAt: number
  verification?: Verification
}

/** Vault's: whoever does not know the nonce must not end other people's ceremony, unless they have forgotten it. */
const nonceNeededMs = 10 * 60 * 1000

const idle = { started: false, nonce: '', shares: 0, threshold: 0, progress: 0, fingerprints: [], backup: false, verify: false, verificationNonce: '', verificationProgress: 0 } as const

export class Rekey {
  readonly #ports: RekeyPorts
  readonly #gathering = new ShareGathering()
  #under: Under | undefined

  constructor(ports: RekeyPorts) {
    this.#ports = ports
  }

  status(slots: readonly Slot[]): RekeyStatus {
    const required = requiredOf(slots)
    if (this.#under === undefined) return { ...idle, required }
    const { nonce, plan, verification } = this.#under
    return {
      started: true, nonce, shares: plan.shares, threshold: plan.threshold, progress: this.#gathering.progress, required, fingerprints: plan.recipients.map(({ fingerprint }) => fingerprint), backup: plan.backup,
      verify: plan.verify, verificationNonce: verification?.nonce ?? '', verificationProgress: verification?.given.size ?? 0,
    }
  }

  start(slots: readonly Slot[], plan: RekeyPlan): RekeyStatus {
    requireShareSlots(slots)
    if (this.#under !== undefined) throw fail('invalid_request', 'rekey.in_progress', 'rekey already in progress')
    this.#under = { nonce: makeUuidV4(), plan, startedAt: this.#ports.now() }
    return this.status(slots)
  }

  cancel(nonce: string): void {
    if (this.#under === undefined) return
    if (nonce !== this.#under.nonce && this.#ports.now() - this.#under.startedAt < nonceNeededMs) throw fail('invalid_request', 'rekey.nonce_needed', 'invalid request: within ten minutes of its start a rekey is cancelled with its nonce', { field: 'nonce' })
    this.reset()
  }

  async give(slots: readonly Slot[], { nonce, share, asking }: { readonly nonce: string; readonly share: Buffer; readonly asking: Asking }): Promise<RekeyAnswer> {
    try {
      const under = this.#requireStarted()
      if (under.verification !== undefined) throw fail('invalid_request', 'rekey.verification_pending', `rekey operation already finished; verification must be performed; nonce for the verification operation is ${JSON.stringify(under.verification.nonce)}`)
      requireNonce(nonce, under.nonce, 'rekey')
      const enough = this.#gathering.offer(slots, share)
      if (enough === undefined) return { status: this.status(slots), done: false, nonce: under.nonce, shares: [] }
      try {
        const shares = await this.#replace(under, enough, asking)
        const status = this.status(slots)
        if (under.verification === undefined) this.reset()
        return { status, done: true, nonce: under.nonce, shares }
      } finally {
        enough.forEach(wipe)
      }
    } finally {
      wipe(share)
    }
  }

  /** One of the new shares, given back. */
  async verify(slots: readonly Slot[], { nonce, share, asking }: { readonly nonce: string; readonly share: Buffer; readonly asking: Asking }): Promise<RekeyAnswer> {
    try {
      if (this.#under === undefined) throw fail('invalid_request', 'rekey.not_started', 'no rekey in progress')
      const { verification, plan } = this.#under
      if (verification === undefined) throw fail('invalid_request', 'rekey.nothing_to_verify', 'no rekey verification in progress')
      requireNonce(nonce, verification.nonce, 'verify')
      takeNew(verification, share)
      if (verification.given.size < plan.threshold) return { status: this.status(slots), done: false, nonce: verification.nonce, shares: [] }
      try {
        await this.#complete(verification, asking)
      } catch (error) {
        this.restartVerification()
        throw error
      }
      this.reset()
      return { status: this.status(slots), done: true, nonce, shares: [] }
    } finally {
      wipe(share)
    }
  }

  restartVerification(): void {
    const verification = this.#under?.verification
    if (verification === undefined) return
    for (const share of verification.given.values()) share.wipe()
    verification.given.clear()
    verification.nonce = makeUuidV4()
  }

  reset(): void {
    this.restartVerification()
    this.#under?.verification?.slotKey.wipe()
    for (const share of this.#under?.verification?.present ?? []) share.wipe()
    this.#gathering.reset()
    this.#under = undefined
  }

  #requireStarted(): Under {
    if (this.#under === undefined) throw fail('invalid_request', 'rekey.not_started', `no ${this.#ports.target} rekey in progress`)
    return this.#under
  }

  /** With enough present shares: the new ones, as they leave. */
  async #replace(under: Under, present: readonly Buffer[], asking: Asking): Promise<readonly Buffer[]> {
    const { plan, nonce } = under
    if (plan.shares === 0) {
      await this.#ports.rotate(present, undefined, asking)
      return []
    }
    await this.#ports.prove(present)
    const slot = await this.#ports.makeShares(plan)
    const leaving = await coverShares(slot.made.shares, plan.recipients)
    const backup = plan.backup ? backupOf(nonce, plan.recipients, leaving) : undefined
    if (!plan.verify) {
      await this.#ports.rotate(present, { slot, bridge: true, ...(backup === undefined ? {} : { backup }) }, asking)
      slot.made.shares.forEach(wipe)
      return leaving
    }
    const { slotKey, shares, ...made } = slot.made
    under.verification = { present: present.map((share) => new LockedKey(Buffer.from(share))), slotKey: new LockedKey(slotKey), slot: { ...slot, made: { ...made, slotKey: Buffer.alloc(0), shares: [] } }, backup, given: new Map(), nonce: makeUuidV4() }
    shares.forEach(wipe)
    return leaving
  }

  async #complete({ present, slotKey, slot, backup, given }: Verification, asking: Asking): Promise<void> {
    const shares = [...given.values()].map((share) => share.copy())
    const [first] = shares
    const combined = shares.length === 1 && first !== undefined ? Buffer.from(first) : combineShares(shares)
    const fits = slotKey.use((bytes) => equalBytes(bytes, combined))
    wipe(combined)
    if (!fits) {
      shares.forEach(wipe)
      throw fail('invalid_request', 'rekey.verification_failed', 'rekey verification failed; incorrect key shares supplied')
    }
    // Their owners have just shown them, so no bridge: nothing depends on an answer any more.
    const rekey = { slot: { ...slot, made: { ...slot.made, slotKey: slotKey.copy() } }, ...(backup === undefined ? {} : { backup }) }
    try {
      await this.#ports.rotate(present.map((share) => share.copy()), rekey, asking)
    } finally {
      shares.forEach(wipe)
    }
  }
}

const takeNew = ({ slot, given }: Verification, share: Buffer): void => {
  const fingerprint = shareFingerprint(share)
  if (!slot.made.shareHashes.includes(fingerprint)) throw fail('invalid_request', 'rekey.share_not_new', `The share with fingerprint ${fingerprint} is none of the new shares. It was not counted.`, { field: 'key' })
  if (given.has(fingerprint)) throw fail('invalid_request', 'seal.share_repeated', 'given key has already been provided during this verify operation', { field: 'key' })
  given.set(fingerprint, new LockedKey(share))
}

const backupOf = (nonce: string, recipients: readonly Recipient[], covered: readonly Buffer[]): ShareBackup => {
  const keys: Record<string, string[]> = {}
  for (const [index, { fingerprint }] of recipients.entries()) (keys[fingerprint] ??= []).push(covered[index]?.toString('hex') ?? '')
  return { nonce, keys }
}
