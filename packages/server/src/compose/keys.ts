// Rotation of an organization's KEK, audited; re-wrapping touches only wrapped data keys.

import { auditedWrite } from '../kernel/audited-write.ts'
import type { Call, Grant } from '../kernel/call.ts'
import { fail } from '../kernel/errors.ts'
import type { DomainParts } from './domain.ts'

const BATCH = 500

export const rotateKeys = async ({ keyring, pools }: DomainParts, _grant: Grant, call: Call, options: { readonly rewrap: boolean }): Promise<{ readonly kekVersion: number; readonly rewrapped: number }> => {
  const rotated = await auditedWrite(pools.app, call, { confirm: true }, async (tx, note) => {
    const kek = await keyring.rotateKek(tx, call.orgId)
    note('keys', '')
    return kek
  })
  keyring.forget(call.orgId)
  if (rotated === undefined) throw fail('conflict', 'keys.rotating', 'The key is being rotated by somebody else.')
  const rewrapped = options.rewrap ? (await keyring.rewrapSecrets(call.orgId, { batch: BATCH })).rewrapped : 0
  return { kekVersion: rotated.kekVersion, rewrapped }
}
