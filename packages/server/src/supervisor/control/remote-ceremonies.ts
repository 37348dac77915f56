// The worker's end of the ceremonies: each call crosses to the supervisor by its name, what is no secret as JSON and
// shares as bytes.

import type { Ceremonies } from '../../kernel/ports/ceremonies.ts'
import type { Channel } from './channel.ts'
import { decodeParts, encodeParts, operation, type Parts } from './protocol.ts'

export interface CeremonyCall {
  readonly name: keyof Ceremonies
  readonly args: readonly unknown[]
}

export const remoteCeremonies = (channel: Channel): Ceremonies => {
  // Both ends are of one release, so the answer's type is the port's.
  const ask = async <T>(name: keyof Ceremonies, args: readonly unknown[], shares: readonly Buffer[] = []): Promise<Parts<T>> =>
    decodeParts<T>(await channel.request(operation.ceremony, encodeParts({ facts: { name, args } satisfies CeremonyCall, shares })))
  const facts = async <T>(name: keyof Ceremonies, ...args: readonly unknown[]): Promise<T> => (await ask<T>(name, args)).facts
  /** An answer with new shares has them beside its facts. */
  const withShares = async <T extends { readonly shares: readonly Buffer[] }>(name: keyof Ceremonies, args: readonly unknown[], given: readonly Buffer[]): Promise<T> => {
    const { facts: answer, shares } = await ask<T>(name, args, given)
    return { ...answer, shares }
  }
  return {
    rekeyStatus: (target) => facts('rekeyStatus', target),
    startRekey: (target, plan) => facts('startRekey', target, plan),
    cancelRekey: (target, nonce) => facts('cancelRekey', target, nonce),
    giveRekeyShare: (target, nonce, share, asking) => withShares('giveRekeyShare', [target, nonce, asking], [share]),
    giveNewShare: (target, nonce, share, asking) => withShares('giveNewShare', [target, nonce, asking], [share]),
    restartVerification: (target) => facts('restartVerification', target),
    backup: async () => (await facts<Awaited<ReturnType<Ceremonies['backup']>> | null>('backup')) ?? undefined,
    deleteBackup: () => facts('deleteBackup'),
    delivered: (requestId) => facts('delivered', requestId),
    rootStatus: () => facts('rootStatus'),
    startRoot: (cover) => facts('startRoot', cover),
    cancelRoot: () => facts('cancelRoot'),
    giveRootShare: async (nonce, share) => (await ask<Awaited<ReturnType<Ceremonies['giveRootShare']>>>('giveRootShare', [nonce], [share])).facts,
    slots: () => facts('slots'),
    addSlot: (request, asking) => withShares('addSlot', [request, asking], []),
    rotateRoot: async (request, shares, asking) => (await ask<{ readonly generation: number }>('rotateRoot', [request, asking], shares)).facts,
  }
}
