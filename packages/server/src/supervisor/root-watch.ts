// Follows the root key when another server of the cluster has rotated it: looks at the generation in force every second, opens the new key where that
// needs no person, and hands it on. A server that cannot follow seals itself: it could serve nothing but what it has in memory, and would hold a key that
// somebody wanted out of force.

import { isCofferError } from '../kernel/errors.ts'
import { wipe } from '../lib/bytes.ts'
import type { SealMachine } from '../seal/machine.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { SealDesk } from './seal-desk.ts'
import type { SealKeeper } from './seal-keeper.ts'

export interface RootWatchParts {
  readonly machine: Pick<SealMachine, 'generation'>
  readonly keeper: Pick<SealKeeper, 'generation' | 'openByItself'>
  readonly desk: Pick<SealDesk, 'follow' | 'sealOutdated'>
  readonly logger: Logger
  /** Between two looks. */
  readonly intervalMs?: number
}

/** Below the patience of a worker's keyring, so that no request fails because a rotation was noticed late. */
const everyMs = 1_000
/** Each pause is twice the one before: half a minute in all. */
const mostTries = 6

export class RootWatch {
  readonly #parts: RootWatchParts
  readonly #intervalMs: number
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  /** How often the key that is held has been found not to be the one in force, and could not be exchanged. */
  #tries = 0
  #isBlind = false

  constructor(parts: RootWatchParts) {
    this.#parts = parts
    this.#intervalMs = parts.intervalMs ?? everyMs
  }

  start(): void {
    this.#wait(this.#intervalMs)
  }

  /** A look under way changes nothing any more. */
  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.#turn(), ms)
    this.#timer.unref()
  }

  async #turn(): Promise<void> {
    try {
      await this.#look()
      this.#isBlind = false
    } catch (error) {
      if (!this.#isBlind) this.#parts.logger.warn('whether the root key was rotated at another server cannot be seen at the moment', { error })
      this.#isBlind = true
    }
    this.#wait(this.#intervalMs * 2 ** Math.max(0, this.#tries - 1))
  }

  /** Fails only when the database does: that says nothing of the key. */
  async #look(): Promise<void> {
    const { machine, keeper } = this.#parts
    // Before the database is asked: a rotation here is in the database first, so what is held is never taken for newer than what is in force.
    const held = keeper.generation
    const inForce = held === undefined ? undefined : await machine.generation()
    if (held === undefined || inForce === undefined || inForce === held) this.#tries = 0
    else if (inForce > held) await this.#follow(held, inForce)
    else await this.#refused(held, 'the database holds an older root key than this server: it was set back, and its key is not taken', { held, inForce })
  }

  async #follow(held: number, inForce: number): Promise<void> {
    const { keeper, desk, logger } = this.#parts
    try {
      const opened = await keeper.openByItself()
      if (opened === undefined) return await this.#giveUp(held, 'the root key was rotated at another server, and this one needs shares for the new one')
      const { rootKey, generation } = opened
      if (this.#stopped) return wipe(rootKey)
      if (await desk.follow({ rootKey, generation })) logger.warn('the root key was rotated at another server; the new one is in use', { generation })
      this.#tries = 0
    } catch (error) {
      const code = isCofferError(error) ? error.code : ''
      if (code.startsWith('storage.')) throw error
      if (code === 'seal.key_file_foreign') return this.#giveUp(held, 'the root key was rotated at another server, and the slot of the key file was removed', { error })
      await this.#refused(held, 'the root key was rotated at another server, and the new one does not open', { error, held, inForce })
    }
  }

  async #refused(held: number, what: string, facts: Readonly<Record<string, unknown>>): Promise<void> {
    this.#tries += 1
    if (this.#tries >= mostTries) return this.#giveUp(held, what, facts)
    this.#parts.logger.error(what, { ...facts, triesLeft: mostTries - this.#tries })
  }

  async #giveUp(held: number, why: string, facts: Readonly<Record<string, unknown>> = {}): Promise<void> {
    if (this.#stopped) return
    this.#tries = 0
    if (await this.#parts.desk.sealOutdated(held)) this.#parts.logger.error(`${why}: this server has sealed itself and must be unsealed anew`, facts)
  }
}
