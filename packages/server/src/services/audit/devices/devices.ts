// The audit devices of a worker: which there are, as the sealed state says it, and a loop for each. A change takes effect in
// the moment in which the worker learns that there is one: from then on records say everything, and none is removed.

import type { Device } from './device.ts'
import type { DeviceBacklog, DeviceLoop } from './device-loop.ts'
import { writeHolds } from './holds.ts'

export interface DevicesOptions {
  readonly root: string
  load(): Promise<readonly Device[]>
  /** Not started. */
  loopOf(device: Device): Promise<DeviceLoop>
  /** Whether records say everything has changed. */
  onDetail(): void
  readonly logger: { warn(message: string, fields: Readonly<Record<string, unknown>>): void }
}

const STOP_MS = 2000
const RETRY_MS = 2000

export class Devices {
  readonly #options: DevicesOptions
  readonly #loops = new Map<string, DeviceLoop>()
  #isStale = true
  /** Rises with every change that was heard of. */
  #heard = 0
  #wanted = false
  #closed = false
  #work: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined

  constructor(options: DevicesOptions) {
    this.#options = options
  }

  /** Whether records say what only devices want. */
  get detail(): boolean {
    return this.#wanted
  }

  /** Whether it is known which devices there are; until then no record may be removed. */
  get known(): boolean {
    return !this.#isStale
  }

  get loops(): readonly DeviceLoop[] {
    return [...this.#loops.values()]
  }

  /** Something about the devices was changed. */
  changed(): void {
    this.#isStale = true
    this.#heard += 1
    this.#want(true)
    void this.refresh().catch(() => undefined)
  }

  /** Resolves when what was committed before is in effect in this worker. */
  refresh(): Promise<void> {
    const next = this.#work.then(() => this.#load())
    this.#work = next.catch((error: unknown) => {
      this.#options.logger.warn('the audit devices could not be read; records wait for them', { error })
      clearTimeout(this.#retry)
      if (!this.#closed) this.#retry = setTimeout(() => void this.refresh().catch(() => undefined), RETRY_MS).unref()
    })
    return next
  }

  backlog(): readonly DeviceBacklog[] {
    return this.loops.map((loop) => loop.backlog())
  }

  async reopen(): Promise<void> {
    await Promise.allSettled(this.loops.map((loop) => loop.reopen()))
  }

  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#retry)
    await this.#work
    await Promise.all(this.loops.map((loop) => loop.stop(STOP_MS)))
  }

  async #load(): Promise<void> {
    if (this.#closed) return
    const heard = this.#heard
    const devices = await this.#options.load()
    await writeHolds(this.#options.root, devices.map(({ id }) => id))
    const ids = new Set(devices.map(({ id }) => id))
    for (const [id, loop] of this.#loops) {
      if (ids.has(id)) continue
      this.#loops.delete(id)
      void loop.stop(STOP_MS)
    }
    for (const device of devices) {
      if (this.#loops.has(device.id)) continue
      const loop = await this.#options.loopOf(device)
      this.#loops.set(device.id, loop)
      loop.start()
    }
    // What was heard of meanwhile may not have been read.
    if (heard !== this.#heard) return
    this.#isStale = false
    this.#want(devices.length > 0)
  }

  #want(wanted: boolean): void {
    if (wanted === this.#wanted) return
    this.#wanted = wanted
    this.#options.onDetail()
  }
}
