// The ways in which keys fail. Whatever is wrong with sealed material - altered, of another row, of another organization, under
// another key - looks the same to the caller. Messages name ids and versions, never bytes.

import { fail, type CofferError } from '../kernel/errors.ts'

export interface KekName {
  readonly kekId: string
  readonly kekVersion: number
}

/** Sealed material that does not open. `what` names it by id and version. */
export const openFailed = (what: string): CofferError =>
  fail('internal', 'keyring.open_failed', `${what} could not be opened: it was altered, or it does not belong here. Nothing was released. Restore it from a backup.`)

export const dekOpenFailed = ({ kekId, kekVersion }: KekName): CofferError => openFailed(`A data key under KEK ${kekId} version ${kekVersion}`)

/** A KEK version that this organization does not have, or has no longer. */
export const kekUnknown = ({ kekId, kekVersion }: KekName): CofferError =>
  fail('internal', 'keyring.kek_unknown', `This organization has no usable KEK ${kekId} version ${kekVersion}. Nothing was released.`)

/** Rotation only ever leaves the newest KEK active. */
export const kekOutOfOrder = ({ kekId, kekVersion }: KekName): CofferError =>
  fail('internal', 'keyring.kek_out_of_order', `KEK ${kekId} version ${kekVersion} is marked active though it is not the newest: the row was altered. Nothing was released.`)

/** The organization was never given keys, or they were destroyed for ever. */
export const keysGone = (): CofferError =>
  fail('not_found', 'keyring.no_keys', 'This organization has no keys: it does not exist, or it was shredded.')

/** The root key was rotated after this process had received it. */
export const rootKeyOutdated = (held: number, needed: number): CofferError =>
  fail('unavailable', 'keyring.root_key_outdated', `This worker holds generation ${held} of the root key and generation ${needed} is in force. It is being replaced; try again shortly.`)

export const keyringClosed = (): CofferError => fail('sealed', 'keyring.closed', 'The server is sealed.')
