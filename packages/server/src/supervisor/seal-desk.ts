// Answers what workers ask of the seal, whichever of them a person reached, one change at a time. What changes here
// reaches all workers before the answer goes out.

import { fail } from '../kernel/errors.ts'
import type { InitRequest, InitResult, SealStatus } from '../kernel/ports/seal-control.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { ProcessSnapshot } from '../telemetry/metrics.ts'
import type { Handler } from './control/channel.ts'
import { decodeJson, encodeInitResult, encodeJson, operation } from './control/protocol.ts'
import type { CeremonyRoom } from './ceremonies/ceremonies.ts'
import { answerCeremony } from './ceremonies/answering.ts'
import type { OpenedRoot } from '../seal/machine.ts'
import { wipe } from '../lib/bytes.ts'
import type { SealKeeper } from './seal-keeper.ts'

/** What the desk needs of the workers. */
export interface KeyHolders {
  unseal(): Promise<void>
  replaceRoot(): Promise<void>
  replace(asking: number | undefined): Promise<{ finish(): Promise<void> }>
}

export class SealDesk {
  readonly #keeper: SealKeeper
  readonly #workers: () => KeyHolders
  readonly #logger: Logger
  readonly #room: CeremonyRoom
  #waiting = 0
  #last: Promise<unknown> = Promise.resolve()

  constructor(keeper: SealKeeper, workers: () => KeyHolders, logger: Logger, room: CeremonyRoom) {
    this.#keeper = keeper
    this.#workers = workers
    this.#logger = logger
    this.#room = room
  }

  status(): Promise<SealStatus> {
    return this.#keeper.status()
  }

  initialise(request: InitRequest, options?: { readonly rootToken?: string }): Promise<InitResult> {
    return this.#alone(async () => {
      const result = await this.#keeper.initialise(request, options)
      this.#logger.info('initialised')
      await this.#spread()
      return result
    })
  }

  openAutomatically(): Promise<SealStatus> {
    return this.#alone(async () => {
      const status = await this.#keeper.openAutomatically()
      await this.#spread()
      return status
    })
  }

  submitShare(share: Buffer): Promise<SealStatus> {
    return this.#crowded(async () => {
      const status = await this.#keeper.submitShare(share)
      await this.#spread()
      return status
    })
  }

  resetUnseal(): Promise<SealStatus> {
    return this.#crowded(() => this.#keeper.resetUnseal())
  }

  /** The answer goes out when nobody but the asking worker can still hold a key; that one goes right after it. */
  seal(asking: number | undefined): Promise<void> {
    return this.#alone(() => this.#seal(asking))
  }

  /**
   * Takes over the root key that another server has made, unless this one was sealed while it was being opened or has rotated it itself. The bytes are
   * wiped. Returns whether it was taken.
   */
  follow(opened: Pick<OpenedRoot, 'rootKey' | 'generation'>): Promise<boolean> {
    return this.#alone(async () => {
      const { generation } = this.#keeper
      if (generation === undefined || generation >= opened.generation) {
        wipe(opened.rootKey)
        return false
      }
      this.#keeper.adopt(opened)
      await this.#workers().replaceRoot()
      return true
    })
  }

  /** Seals, if the root key that is held is still the one of this generation. Returns whether it did. */
  sealOutdated(generation: number): Promise<boolean> {
    return this.#alone(async () => {
      if (this.#keeper.generation !== generation) return false
      await this.#seal(undefined)
      return true
    })
  }

  async #seal(asking: number | undefined): Promise<void> {
    if (!this.#keeper.isOpen) return
    await this.#keeper.seal()
    this.#room.reset()
    this.#logger.warn('sealed; every worker is replaced')
    const { finish } = await this.#workers().replace(asking)
    // The answer is written in the microtasks that follow; what comes after them is queued behind it on the same channel.
    const finished = new Promise<void>((resolve) => setImmediate(() => resolve(finish())))
    finished.catch((error: unknown) => this.#logger.error('a worker could not be replaced', { error }))
    if (asking === undefined) await finished
    else this.#last = finished.catch(() => undefined)
  }

  /** What the channel of one worker calls. */
  handlers(slot: number, collectMetrics: () => Promise<readonly ProcessSnapshot[]>): ReadonlyMap<number, Handler> {
    return new Map<number, Handler>([
      [operation.sealStatus, async () => encodeJson(await this.status())],
      [operation.initialise, async (body) => encodeInitResult(await this.initialise(parseInitRequest(body)))],
      [operation.submitShare, async (body) => encodeJson(await this.submitShare(body))],
      [operation.resetUnseal, async () => encodeJson(await this.resetUnseal())],
      [operation.seal, async () => (await this.seal(slot), undefined)],
      [operation.ceremony, async (body) => answerCeremony(this.#room, (work) => this.#crowded(work), body)],
      [operation.collectMetrics, async () => encodeJson(await collectMetrics())],
    ])
  }

  async #spread(): Promise<void> {
    if (this.#keeper.isOpen) await this.#workers().unseal()
  }

  /** What anybody may ask for: so many wait and no more. A seal is never behind a full room. */
  async #crowded<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#waiting >= mostWaiting) throw fail('unavailable', 'seal.busy', 'Too many shares are being looked at. Try again shortly.', { retryAfterSeconds: 1 })
    this.#waiting += 1
    try {
      return await this.#alone(work)
    } finally {
      this.#waiting -= 1
    }
  }

  /** Changes wait for each other: an unseal that overtakes a seal would hand the key to a worker that must not have it. */
  #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work)
    const done = result.then(() => undefined, () => undefined)
    this.#last = done
    return result
  }
}

/** Each waits for at most some queries, so this many are gone within a second or two. */
const mostWaiting = 64

const parseInitRequest = (body: Buffer): InitRequest => {
  const { shares, threshold, ...more } = decodeJson<Partial<InitRequest>>(body)
  if (!Number.isInteger(shares) || !Number.isInteger(threshold)) throw fail('invalid_request', 'seal.bad_numbers', 'Shares and threshold must be whole numbers.')
  return { ...more, shares: shares ?? 0, threshold: threshold ?? 0 }
}
