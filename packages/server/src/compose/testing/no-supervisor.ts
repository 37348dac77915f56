// Workers of tests that have no supervisor: whatever asks one is told so.

import { fail } from '../../kernel/errors.ts'
import type { Ceremonies } from '../../kernel/ports/ceremonies.ts'

const refused = () => Promise.reject(fail('unavailable', 'test.no_supervisor', 'There is no supervisor here.'))

export const noCeremonies: Ceremonies = {
  rekeyStatus: refused, startRekey: refused, cancelRekey: refused, giveRekeyShare: refused, giveNewShare: refused, restartVerification: refused, backup: refused, deleteBackup: refused, delivered: refused,
  rootStatus: refused, startRoot: refused, cancelRoot: refused, giveRootShare: refused, slots: refused, addSlot: refused, rotateRoot: refused,
}
