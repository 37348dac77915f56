// The root key while the server is unsealed, in locked memory, and how it gets there: by initialising, by shares, by the
// key file. Nothing else in the supervisor sees it, except the copy that each worker is given.

import { rename } from 'node:fs/promises'
import { homeDirectory } from '../config/environment.ts'
import type { Config } from '../config/config.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { fail } from '../kernel/errors.ts'
import type { InitRequest, InitResult, SealControl, SealStatus } from '../kernel/ports/seal-control.ts'
import type { Transaction } from '../kernel/storage.ts'
import { wipe } from '../lib/bytes.ts'
import type { RootKeyMaterial } from '../seal/initialise.ts'
import { LockedKey } from '../seal/locked-key.ts'
import type { OpenedRoot, SealFacts, SealMachine } from '../seal/machine.ts'
import type { HeldRoot, Rotated } from '../seal/rotation.ts'
import type { SlotOpening, SlotRequest } from '../seal/slot.ts'
import type { Logger } from '../telemetry/logger.ts'
import { coverShares, coverToken } from './ceremonies/covering.ts'
import { devKeyFile } from './dev-directory.ts'
import { isMissing } from './data-directory.ts'

export interface InitialiseOptions {
  /** Sets the first token, any text, instead of making one. */
  readonly rootToken?: string
}

/** Makes the organization `root`, its keys, its default project and the first token, inside the transaction that initialises. */
export type InitialisePlatform = (tx: Transaction, material: RootKeyMaterial, options: InitialiseOptions) => Promise<{ readonly rootToken: string }>

/** The root key that is held, once more; whoever asked for it wipes it. */
export interface RootCopy {
  readonly rootKey: Buffer
  readonly generation: number
}

export interface SealKeeper extends Omit<SealControl, 'initialise'> {
  initialise(request: InitRequest, options?: InitialiseOptions): Promise<InitResult>
  /** Opens the slot that needs no person, if that is how this server is set up. */
  openAutomatically(): Promise<SealStatus>
  /** The root key in force, opened without a person and not held yet: the caller's to adopt or wipe. Undefined where people open it. */
  openByItself(): Promise<OpenedRoot | undefined>
  /** Undefined while sealed. */
  copyRootKey(): RootCopy | undefined
  /** The root key in force, for changes of slots. @throws sealed */
  requireHeld(): HeldRoot
  /** Takes over the root key that has followed the one in force. */
  adopt(rotated: Pick<Rotated, 'rootKey' | 'generation'>): void
  /** What this server opens by itself and with these files, but for the slot that is to be removed. */
  openingsAtHand(without: string | undefined, keyFiles: readonly string[]): Promise<readonly SlotOpening[]>
  readonly isOpen: boolean
  /** Of the root key that is held; undefined while sealed. */
  readonly generation: number | undefined
  /** Wipes the root key, whatever state the rest is in. */
  drop(): void
}

export interface SealKeeperOptions {
  readonly machine: SealMachine
  readonly config: Config
  readonly nodeId: string
  readonly version: string
  readonly logger: Logger
  /** Loaded when it is needed, which is once in a server's life. */
  readonly loadPlatform: () => Promise<InitialisePlatform>
}

/** The key file that is used: the one of the settings, or one named after this node outside of all data. */
export const keyFileOf = ({ seal, mode, dataDir }: Config, nodeId: string): string => {
  if (seal.keyFile !== undefined) return seal.keyFile
  if (mode === 'dev') return devKeyFile(dataDir)
  const home = homeDirectory()
  if (home === undefined) {
    throw fail('invalid_request', 'config.no_key_file', 'There is no home directory to keep the key file in. Say where it goes: seal.key_file (flag --seal-key-file, environment variable COFFER_SEAL_KEY_FILE).', { field: 'seal.key_file' })
  }
  return `${home}/.coffer/seal-keys/${nodeId}.key`
}

export const makeSealKeeper = (options: SealKeeperOptions): SealKeeper => {
  const { machine, config, logger } = options
  let held: HeldRoot | undefined

  const drop = (): void => {
    held?.rootKey.wipe()
    held = undefined
  }
  const hold = ({ rootKey, generation }: Pick<Rotated, 'rootKey' | 'generation'>): void => {
    drop()
    held = { rootKey: new LockedKey(rootKey), generation }
  }
  const statusOf = (facts: SealFacts): SealStatus => ({ ...facts, sealed: held === undefined, version: options.version })
  const status = async (): Promise<SealStatus> => statusOf(await machine.status())
  const openByItself = async (): Promise<OpenedRoot | undefined> => (config.seal.kind === 'keyfile' ? machine.openKeyFile(keyFileOf(config, options.nodeId)) : undefined)

  return {
    status,

    async initialise(request, given = {}) {
      const initialisePlatform = await options.loadPlatform()
      const { rootKey, shares, recoveryShares, result, generation } = await machine.initialise({
        ...(await slotFor(options, request)),
        clusterName: config.clusterName,
        ...(request.recovery === undefined ? {} : { recovery: request.recovery }),
        afterRootKey: (tx, material) => initialisePlatform(tx, material, given),
      })
      // Shares are for people, and it is they who unseal; a slot that opens by itself is open from here on.
      if (config.seal.kind === 'keyfile') hold({ rootKey, generation })
      else wipe(rootKey)
      try {
        return {
          shares: await coverShares(shares, request.recipients ?? []),
          recoveryShares: await coverShares(recoveryShares, request.recovery?.recipients ?? []),
          rootToken: await coverToken(result.rootToken, request.tokenRecipient),
        }
      } finally {
        for (const share of [...shares, ...recoveryShares]) wipe(share)
      }
    },

    async openAutomatically() {
      const facts = await machine.status()
      if (!facts.initialized || held !== undefined) return statusOf(facts)
      const opened = await openByItself()
      if (opened === undefined) return statusOf(facts)
      hold(opened)
      logger.info('unsealed with the key file')
      return status()
    },

    async submitShare(share) {
      if (held !== undefined) {
        wipe(share)
        return status()
      }
      const { facts, opened } = await machine.submitShare(share)
      if (opened !== undefined) {
        hold(opened)
        logger.info('unsealed with shares')
        if (opened.byOldShares === true) logger.warn('these shares were replaced by a rekey whose answer may never have arrived; rekey again')
      }
      return statusOf(facts)
    },

    async resetUnseal() {
      return statusOf(await machine.resetUnseal())
    },

    /** Must work above all when other things do not: shares are dropped in memory, and the database is only asked after that. */
    async seal() {
      drop()
      await machine.resetUnseal().catch((error: unknown) => logger.warn('the seal status could not be read while sealing', { error }))
    },

    openByItself,
    copyRootKey: () => (held === undefined ? undefined : { rootKey: held.rootKey.copy(), generation: held.generation }),
    requireHeld() {
      if (held === undefined) throw fail('sealed', 'seal.sealed', 'Vault is sealed')
      return held
    },
    adopt: hold,
    async openingsAtHand(without, keyFiles) {
      const own = config.seal.kind === 'keyfile' ? [keyFileOf(config, options.nodeId)] : []
      // By slot: the same file under two names opens one.
      const bySlot = new Map<string, string>()
      for (const keyFile of [...own, ...keyFiles]) bySlot.set(await machine.slotOfKeyFile(keyFile), keyFile)
      return [...bySlot].filter(([slotId]) => slotId !== without).map(([, keyFile]) => ({ kind: 'keyfile', keyFile }))
    },
    get isOpen() {
      return held !== undefined
    },
    get generation() {
      return held?.generation
    },
    drop,
  }
}

const slotFor = async ({ config, nodeId, logger, machine }: SealKeeperOptions, { shares, threshold }: InitRequest): Promise<SlotRequest> => {
  if (config.seal.kind === 'shamir') return { kind: 'shamir', shares, threshold }
  const keyFile = keyFileOf(config, nodeId)
  // A file of our own naming that is there before its database is initialised was left by an attempt that a crash cut
  // short, or is of another database that this directory was used with. It might be the only key to that one.
  if (config.seal.keyFile === undefined && !(await machine.status()).initialized) await setAside(keyFile, logger)
  return { kind: 'keyfile', keyFile }
}

const setAside = async (keyFile: string, logger: Logger): Promise<void> => {
  const aside = `${keyFile}.before-${makeUuidV7()}`
  try {
    await rename(keyFile, aside)
    logger.warn('a key file was there before this database was initialised; it was renamed', { path: aside })
  } catch (error) {
    if (!isMissing(error)) throw fail('unavailable', 'seal.key_file_unwritable', `The key file ${keyFile} cannot be replaced.`, { cause: error })
  }
}
