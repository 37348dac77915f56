// The supervisor's end of the ceremonies: a call's name and arguments to the room, one call at a time, and what comes of
// it back as facts and shares.

import { fail } from '../../kernel/errors.ts'
import type { Asking, RekeyPlan, RekeyTarget, RootCover } from '../../kernel/ports/ceremonies.ts'
import type { CeremonyCall } from '../control/remote-ceremonies.ts'
import { decodeParts, encodeParts } from '../control/protocol.ts'
import type { CeremonyRoom } from './ceremonies.ts'

type Alone = <Result>(work: () => Promise<Result>) => Promise<Result>

/** Takes the body over. Returns what is to be sent, which the channel wipes. */
export const answerCeremony = async (room: CeremonyRoom, alone: Alone, body: Buffer): Promise<Buffer> => {
  const { facts, shares } = decodeParts<CeremonyCall>(body)
  try {
    const answer = await alone(() => call(room, facts, shares))
    if (answer === null || typeof answer !== 'object' || !('shares' in answer) || !isShares(answer.shares)) return encodeParts({ facts: answer, shares: [] })
    return encodeParts({ facts: { ...answer, shares: [] }, shares: answer.shares })
  } finally {
    for (const share of shares) share.fill(0)
  }
}

const isShares = (value: unknown): value is readonly Buffer[] => Array.isArray(value) && value.every((each) => Buffer.isBuffer(each))

// Both ends are of one release: the arguments have the port's types, in the order in which the worker's end puts them.
const call = async (room: CeremonyRoom, { name, args }: CeremonyCall, [share = Buffer.alloc(0), ...more]: readonly Buffer[]): Promise<unknown> => {
  const [first, second, third] = args
  switch (name) {
    case 'rekeyStatus': return room.rekeyStatus(first as RekeyTarget)
    case 'startRekey': return room.startRekey(first as RekeyTarget, second as RekeyPlan)
    case 'cancelRekey': return room.cancelRekey(first as RekeyTarget, second as string)
    case 'giveRekeyShare': return room.giveRekeyShare(first as RekeyTarget, second as string, share, third as Asking)
    case 'giveNewShare': return room.giveNewShare(first as RekeyTarget, second as string, share, third as Asking)
    case 'restartVerification': return room.restartVerification(first as RekeyTarget)
    case 'backup': return room.backup()
    case 'deleteBackup': return room.deleteBackup()
    case 'delivered': return room.delivered(first as string)
    case 'rootStatus': return room.rootStatus()
    case 'startRoot': return room.startRoot(first as RootCover)
    case 'cancelRoot': return room.cancelRoot()
    case 'giveRootShare': return room.giveRootShare(first as string, share)
    case 'slots': return room.slots()
    case 'addSlot': return room.addSlot(first as Parameters<CeremonyRoom['addSlot']>[0], second as Asking)
    case 'rotateRoot': return room.rotateRoot(first as Parameters<CeremonyRoom['rotateRoot']>[0], share.length === 0 ? [] : [share, ...more], second as Asking)
    default: throw fail('internal', 'supervisor.unknown_ceremony', 'Supervisor and worker are of different releases. Restart the server.')
  }
}
