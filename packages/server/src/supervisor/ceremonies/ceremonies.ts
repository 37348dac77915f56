// All ceremonies of a server: which are under way, and what they do to slots and root key once enough shares are there.
// Called one at a time, by the desk.

import { fail } from '../../kernel/errors.ts'
import type { Asking, Ceremonies, RekeyPlan, RekeyStatus, RekeyTarget } from '../../kernel/ports/ceremonies.ts'
import { wipe } from '../../lib/bytes.ts'
import type { SealMachine } from '../../seal/machine.ts'
import type { NewShares } from '../../seal/rotation.ts'
import { checkNumbers, slotOfShare } from '../../seal/shamir/index.ts'
import type { SlotOpening } from '../../seal/slot.ts'
import type { Logger } from '../../telemetry/logger.ts'
import type { SealKeeper } from '../seal-keeper.ts'
import { coverShares } from './covering.ts'
import { recordSealEvent } from './record.ts'
import { Rekey } from './rekey.ts'
import { RootGeneration } from './root-generation.ts'

export interface CeremonyParts {
  readonly machine: SealMachine
  readonly keeper: SealKeeper
  /** Whether shares here are for recovery: the server is set up to open by itself. */
  readonly opensByItself: boolean
  /** Gives every worker the root key that is held now. */
  spread(): Promise<void>
  now(): number
  readonly logger: Logger
}

export interface CeremonyRoom extends Ceremonies {
  /** Forgets everything under way: the server is being sealed. */
  reset(): void
}

interface Change {
  readonly action: string
  readonly rekey?: NewShares | undefined
  readonly remove?: string | undefined
  /** Files on this server that open further slots. */
  readonly keyFiles?: readonly string[] | undefined
}

export const makeCeremonies = (parts: CeremonyParts): CeremonyRoom => {
  const { machine, keeper, logger } = parts
  const rekeys: Readonly<Record<RekeyTarget, Rekey>> = { barrier: rekeyOf(parts, 'barrier'), recovery: rekeyOf(parts, 'recovery') }
  const root = new RootGeneration()
  const slots = async () => {
    keeper.requireHeld()
    return machine.shareSlots()
  }
  const rekey = (target: RekeyTarget): Rekey => {
    if (target === 'recovery' && !parts.opensByItself) throw fail('invalid_request', 'rekey.no_recovery', 'recovery rekeying not supported')
    return rekeys[target]
  }
  return {
    rekeyStatus: async (target) => rekey(target).status(await slots()),
    async startRekey(target, plan) {
      const checked = planFor(parts, target, plan)
      await requireOthersAtHand(parts)
      return rekey(target).start(await slots(), checked)
    },
    async cancelRekey(target, nonce) {
      keeper.requireHeld()
      rekey(target).cancel(nonce)
    },
    giveRekeyShare: async (target, nonce, share, asking) => rekey(target).give(await slots(), { nonce, share, asking }),
    giveNewShare: async (target, nonce, share, asking) => rekey(target).verify(await slots(), { nonce, share, asking }),
    async restartVerification(target): Promise<RekeyStatus> {
      rekey(target).restartVerification()
      return rekey(target).status(await slots())
    },
    backup: () => machine.backup(),
    deleteBackup: () => machine.deleteBackup(),
    async delivered() {
      await machine.dropBridges(await machine.shareSlots())
    },

    rootStatus: async () => root.status(await slots()),
    startRoot: async (cover) => root.start(await slots(), cover),
    async cancelRoot() {
      keeper.requireHeld()
      root.reset()
    },
    giveRootShare: async (nonce, share) => root.give(await slots(), { nonce, share, prove: (shares) => proveShares(parts, shares) }),

    slots: () => machine.slots(),
    async addSlot(request, asking) {
      const made = await machine.addSlot(keeper.requireHeld(), request, (tx, { rootOrgId }) => recordSealEvent(tx, rootOrgId, { ...asking, action: 'seal.slot-add', metadata: { kind: request.kind } }))
      logger.info('a slot was added', { slotId: made.slotId, kind: request.kind })
      try {
        return { slotId: made.slotId, shares: await coverShares(made.shares, request.kind === 'shamir' ? request.recipients : []) }
      } finally {
        made.shares.forEach(wipe)
      }
    },
    async rotateRoot({ remove, keyFiles }, shares, asking) {
      await rotate(parts, { action: remove === undefined ? 'seal.rotate' : 'seal.slot-remove', remove, keyFiles }, shares, asking)
      return { generation: keeper.requireHeld().generation }
    },
    reset() {
      rekeys.barrier.reset()
      rekeys.recovery.reset()
      root.reset()
    },
  }
}

const rekeyOf = (parts: CeremonyParts, target: RekeyTarget): Rekey =>
  new Rekey({
    target,
    now: () => parts.now(),
    makeShares: (numbers) => parts.machine.makeShares(numbers),
    prove: (shares) => proveShares(parts, shares),
    rotate: (shares, rekey, asking) => rotate(parts, { action: rekey === undefined ? 'seal.rotate' : 'seal.rekey', rekey }, shares, asking),
  })

/** Vault's rules: where the server opens by itself, a rekey of the barrier makes a new root key and nothing for people. */
const planFor = ({ opensByItself }: CeremonyParts, target: RekeyTarget, plan: RekeyPlan): RekeyPlan => {
  if (target === 'recovery' || !opensByItself) {
    if (plan.threshold > plan.shares) throw fail('invalid_request', 'seal.bad_threshold', 'provided threshold greater than the total shares', { field: 'secret_threshold' })
    checkNumbers(plan)
    return plan
  }
  if (plan.recipients.length > 0) throw fail('invalid_request', 'rekey.no_keys', 'PGP key encryption not supported when using stored keys', { field: 'pgp_keys' })
  if (plan.backup) throw fail('invalid_request', 'rekey.no_backup', 'key backup not supported when using stored keys', { field: 'backup' })
  if (plan.verify) throw fail('invalid_request', 'rekey.no_verification', 'requiring verification not supported when rekeying the barrier key with recovery keys', { field: 'require_verification' })
  return { ...plan, shares: 0, threshold: 0 }
}

/** Said at the start rather than when everybody has given a share: the new root key must go into every slot. */
const requireOthersAtHand = async ({ machine, keeper }: CeremonyParts): Promise<void> => {
  keeper.requireHeld()
  const standing = (await machine.slots()).filter(({ isBridge }) => !isBridge)
  const others = standing.filter(({ kind }) => kind !== 'shamir')
  if (others.length > (await keeper.openingsAtHand(undefined, [])).length) throw fail('invalid_request', 'seal.slots_not_opened', `A new root key must be sealed in every slot, and this server does not open all of these: ${others.map(({ slotId, kind }) => `${slotId} (${kind})`).join(', ')}. Remove those that are not needed, or rekey with \`coffer operator slots\`.`)
  if (standing.length - others.length > 1) throw fail('invalid_request', 'seal.nothing_to_rekey', 'A rekey needs exactly one slot of shares. Of several, remove all but one.')
}

/** By the slot that each is of. Copies: whoever proves goes on to use them. */
const openingsOf = async ({ machine }: CeremonyParts, shares: readonly Buffer[]): Promise<readonly SlotOpening[]> => {
  const slots = await machine.shareSlots()
  const bySlot = new Map<string, Buffer[]>()
  for (const share of shares) {
    const { slotId } = slotOfShare(slots, share).slot
    bySlot.set(slotId, [...(bySlot.get(slotId) ?? []), Buffer.from(share)])
  }
  return [...bySlot.values()].map((together) => ({ kind: 'shamir', shares: together }))
}

const proveShares = async (parts: CeremonyParts, shares: readonly Buffer[]): Promise<void> => {
  await parts.machine.prove(parts.keeper.requireHeld(), await openingsOf(parts, shares))
}

const rotate = async (parts: CeremonyParts, { action, rekey, remove, keyFiles = [] }: Change, shares: readonly Buffer[], asking: Asking): Promise<void> => {
  const { machine, keeper, logger } = parts
  const held = keeper.requireHeld()
  const rotated = await machine.rotate(held, [...(await openingsOf(parts, shares)), ...(await keeper.openingsAtHand(remove, keyFiles))], {
    ...(rekey === undefined ? {} : { rekey }),
    ...(remove === undefined ? {} : { remove }),
    within: (tx, { rootOrgId }) => recordSealEvent(tx, rootOrgId, { ...asking, action, metadata: { generation: held.generation + 1, ...(remove === undefined ? {} : { slot: remove }) } }),
  })
  keeper.adopt(rotated)
  logger.warn('the root key was rotated', { action, generation: rotated.generation })
  await parts.spread()
}
