// The slots of the root key and its rotation, natively: whoever administers the platform, with the keys of the slots that
// stay.

import { reveal, secret, type Secret } from '../../crypto/secret.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { implement, type Implemented } from '../../kernel/operation.ts'
import { parseShare } from '../../kernel/ports/share-text.ts'
import { wipe } from '../../lib/bytes.ts'
import { addSlot, listSlots, removeSlot, rotateRoot } from '../operations.ts'
import { askingOf, requireRoot, type OperatorPort } from './ports.ts'
import { readRecipients } from './recipients.ts'

const operations = { listSlots, addSlot, removeSlot, rotateRoot }

const authorise = (port: OperatorPort, call: Call, apiPath: string): void => {
  call.authorise('administer', { kind: 'platform', apiPath, sudo: true })
  requireRoot(port, call)
}

const sharesOf = (texts: readonly Secret<string>[]): readonly Buffer[] => texts.map((text) => parseShare(reveal(text, 'a share on its way to the supervisor')))

interface SlotWish {
  readonly kind: 'shamir' | 'keyfile'
  readonly shares?: number | undefined
  readonly threshold?: number | undefined
  readonly pgpKeys: readonly string[]
  readonly keyFile?: string | undefined
}

const slotRequest = async ({ kind, shares, threshold, pgpKeys, keyFile }: SlotWish): Promise<Parameters<OperatorPort['ceremonies']['addSlot']>[0]> => {
  if (kind === 'keyfile') {
    if (keyFile === undefined) throw fail('invalid_request', 'seal.no_key_file', 'keyFile says where on the server the file is to be made.', { field: 'keyFile' })
    return { kind, keyFile }
  }
  if (shares === undefined || threshold === undefined) throw fail('invalid_request', 'seal.bad_shares', 'shares and threshold are needed.', { field: shares === undefined ? 'shares' : 'threshold' })
  if (pgpKeys.length > 0 && pgpKeys.length !== shares) throw fail('invalid_request', 'seal.key_count', 'There must be as many OpenPGP keys as shares.', { field: 'pgpKeys' })
  return { kind, shares, threshold, recipients: await readRecipients(pgpKeys, 'pgpKeys') }
}

export const slotOperations = (port: OperatorPort): readonly Implemented[] => {
  const { ceremonies } = port
  return implement(operations, {
    async listSlots(_input, call) {
      authorise(port, call, 'sys/seal')
      const slots = await ceremonies.slots()
      return { slots: slots.map(({ slotId, isBridge, ...slot }) => ({ id: slotId, ...slot, replaced: isBridge })) }
    },
    async addSlot(input, call) {
      authorise(port, call, 'sys/seal')
      const { slotId, shares } = await ceremonies.addSlot(await slotRequest(input), askingOf(call))
      call.audit.resourceId = slotId
      try {
        return { id: slotId, shares: shares.map((share) => secret(share.toString('base64'))) }
      } finally {
        shares.forEach(wipe)
      }
    },
    async removeSlot({ id, shares, keyFiles }, call) {
      authorise(port, call, 'sys/seal')
      call.audit.resourceId = id
      return ceremonies.rotateRoot({ remove: id, keyFiles }, sharesOf(shares), askingOf(call))
    },
    async rotateRoot({ shares, keyFiles }, call) {
      authorise(port, call, 'sys/rotate')
      return ceremonies.rotateRoot({ keyFiles }, sharesOf(shares), askingOf(call))
    },
  })
}
