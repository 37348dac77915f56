// What is done with an organization's keys themselves. Rotation of its KEK, audited: re-wrapping touches only wrapped data keys. And the cursors
// that are sealed under a key derived from its token key.

import { openCursor, sealCursor } from '../crypto/cursors/cursor.ts'
import { auditedWrite } from '../kernel/audited-write.ts'
import type { Call, Grant } from '../kernel/call.ts'
import { badCursor, type Cursors } from '../kernel/cursor.ts'
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

export const makeCursors = (keyring: DomainParts['keyring']): Cursors => ({
  async seal(orgId, list, at) {
    return sealCursor((await keyring.organization(orgId)).purpose('tokens'), [orgId, ...list], at).toString('base64url')
  },
  async open(orgId, list, cursor) {
    const blob = Buffer.from(cursor, 'base64url')
    // Each has one spelling.
    if (blob.toString('base64url') !== cursor) throw badCursor()
    for (const { key } of (await keyring.organization(orgId)).purposeVersions('tokens')) {
      try {
        return openCursor(key, [orgId, ...list], blob)
      } catch {
        // Under an older version of the key, then, or the one answer for every cursor that does not open.
      }
    }
    throw badCursor()
  },
})
