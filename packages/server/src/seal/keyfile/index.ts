// The slot that opens by itself: its key lies in a file that only the server's account may read, away from the data. Whoever has both the file and
// the database has everything, so the file does not belong where backups of the data go.
//
// The file: 0x01, the slot's id (16 bytes), the slot key (32 bytes).

import { makeKeyBytes } from '../../crypto/keys.ts'
import { wipe } from '../../lib/bytes.ts'
import { formatUuid, parseUuid } from '../../lib/uuid.ts'
import { fail } from '../../kernel/errors.ts'
import type { Slot } from '../repository.ts'
import type { KeyFileRequest, MadeSlot } from '../slot.ts'
import { createPrivateFile, readPrivateFile, removeFile, type FilePlace } from './file.ts'

const format = 0x01
const idAt = 1
const keyAt = 17
const fileBytes = 49

export type KeyFilePlace = Omit<FilePlace, 'path'>

/** Writes a fresh slot key into a new file. */
export const makeSlot = async (request: KeyFileRequest & { readonly slotId: string }, place: KeyFilePlace): Promise<MadeSlot> => {
  const id = parseUuid(request.slotId)
  if (id === undefined) throw fail('internal', 'seal.bad_slot_id', 'A slot id is not a UUID.')
  const slotKey = makeKeyBytes()
  const content = Buffer.concat([Buffer.of(format), id, slotKey])
  try {
    await createPrivateFile({ ...place, path: request.keyFile }, content)
  } catch (error) {
    wipe(slotKey)
    throw error
  } finally {
    wipe(content)
  }
  return { slotKey, shares: [], threshold: null, shareHashes: [], undo: () => removeFile(request.keyFile) }
}

/** The slot that a key file is of, and its key. */
export const openSlot = async (slots: readonly Slot[], keyFile: string, place: KeyFilePlace): Promise<{ readonly slot: Slot; readonly slotKey: Buffer }> => {
  const content = await readPrivateFile({ ...place, path: keyFile }, fileBytes)
  try {
    if (content.length !== fileBytes || content[0] !== format) throw fail('invalid_request', 'seal.key_file_malformed', 'The key file is not one that this server wrote. Restore it from where you keep its copy.')
    const slotId = formatUuid(content.subarray(idAt, keyAt))
    const slot = slots.find((each) => each.slotId === slotId && each.kind === 'keyfile')
    if (slot === undefined) throw fail('invalid_request', 'seal.key_file_foreign', `The key file is of slot ${slotId}, which this server does not have.`)
    return { slot, slotKey: Buffer.from(content.subarray(keyAt)) }
  } finally {
    wipe(content)
  }
}
