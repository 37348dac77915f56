// One place among the workers. Whoever fills it is replaced when it dies, with growing pauses while replacements die as
// well, and is replaced on purpose when the server is sealed.

import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../lib/clock.ts'
import { fail, isCofferError } from '../kernel/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { channelClosed, type Handler } from './control/channel.ts'
import type { WorkerAssignment } from './control/protocol.ts'
import type { RootCopy } from './seal-keeper.ts'
import type { StreamWriter } from './spools.ts'
import { WorkerProcess, type WorkerExit } from './worker-process.ts'

export interface SlotOptions {
  readonly index: number
  /** A process that nobody has told anything yet. */
  spawn(): ChildProcess
  readonly logger: Logger
  readonly clock: Clock
  handlers(slot: number): ReadonlyMap<number, Handler>
  assignment(slot: number): WorkerAssignment
  /** Undefined while sealed. */
  rootKey(): RootCopy | undefined
  onRestart(): void
  /** A worker has died, or has announced the audit stream that it writes. */
  onStreamsChange(): void
}

const firstPauseMs = 100
const longestPauseMs = 10_000
/** Who lived this long was fine; its successor starts without a pause. */
const healthyMs = 30_000
const sealDeadlineMs = 3_000

export class WorkerSlot {
  readonly #options: SlotOptions
  readonly #logger: Logger
  /** Two while one takes over from another. */
  readonly #alive = new Set<WorkerProcess>()
  #current: WorkerProcess | undefined
  #listening = false
  #started = false
  #stopping = false
  #failures = 0
  #startedAt = 0
  readonly #wake = new AbortController()

  constructor(options: SlotOptions) {
    this.#options = options
    this.#logger = options.logger.child({ worker: options.index })
  }

  get index(): number {
    return this.#options.index
  }

  get current(): WorkerProcess | undefined {
    return this.#current
  }

  get writers(): readonly StreamWriter[] {
    return [...this.#alive].map(({ hasKey, stream }) => ({ mayWrite: hasKey, stream }))
  }

  get isListening(): boolean {
    return this.#listening
  }

  /** The first worker of this slot. Its failure is the caller's to judge; from then on the slot looks after itself. */
  async start(): Promise<void> {
    const worker = this.#spawn()
    try {
      await this.#bringUp(worker)
      this.#started = true
    } catch (error) {
      worker.kill()
      if (isCofferError(error) && error.code === channelClosed) {
        throw fail('unavailable', 'supervisor.worker_not_started', 'A worker process ended before it could serve. Its own log entries say why.', { cause: error })
      }
      throw error
    }
  }

  /** Gives the key to whoever is here. One that cannot use it is replaced. */
  async unseal(): Promise<void> {
    const worker = this.#current
    if (worker === undefined) return
    try {
      await this.#giveKey(worker)
    } catch (error) {
      this.#logger.error('a worker could not be unsealed and is replaced', { error })
      worker.kill()
    }
  }

  /** Gives the next root key to whoever has the one before. One that cannot use it is replaced. */
  async replaceRoot(): Promise<void> {
    const worker = this.#current
    if (worker?.hasKey !== true) return this.unseal()
    const root = this.#options.rootKey()
    if (root === undefined) return
    try {
      await worker.replaceRoot(root)
    } catch (error) {
      this.#logger.error('a worker could not take the next root key and is replaced', { error })
      worker.kill()
    }
  }

  /**
   * Starts a process that has never seen a key. What comes back ends the old one and lets the new one listen; it is
   * the caller's to run, when the old one has nothing more to say.
   */
  async prepareReplacement(): Promise<() => Promise<void>> {
    const old = this.#current
    const next = this.#spawn()
    const ready = await next.configure(this.#options.assignment(this.index)).then(() => true, () => false)
    return async () => {
      this.#listening = false
      await old?.stop(sealDeadlineMs)
      if (this.#current !== next || this.#stopping) return
      try {
        if (!ready) throw new Error('not composed')
        await this.#takeUp(next)
      } catch {
        next.kill() // and what follows every death follows
      }
    }
  }

  async stop(deadlineMs: number): Promise<void> {
    this.#stopping = true
    this.#wake.abort()
    const worker = this.#current
    await worker?.stop(deadlineMs)
    this.#listening = false
    if ((await worker?.exited)?.signal === 'SIGKILL') this.#logger.warn('the worker was ended before it had finished', { pid: worker?.pid })
  }

  kill(): void {
    this.#current?.kill()
  }

  #spawn(): WorkerProcess {
    const worker = new WorkerProcess(this.#options.spawn(), this.#options.handlers(this.index), () => this.#options.onStreamsChange())
    this.#alive.add(worker)
    this.#current = worker
    this.#startedAt = this.#options.clock.monotonic()
    this.#logger.info('worker started', { pid: worker.pid })
    void worker.exited.then((exit) => {
      this.#alive.delete(worker)
      this.#options.onStreamsChange()
      this.#onExit(worker, exit)
    })
    return worker
  }

  async #bringUp(worker: WorkerProcess): Promise<void> {
    await worker.configure(this.#options.assignment(this.index))
    await this.#takeUp(worker)
  }

  /** Keys before listeners: while unsealed, a worker that answers can answer fully. */
  async #takeUp(worker: WorkerProcess): Promise<void> {
    await this.#giveKey(worker)
    await worker.listen()
    // An unseal that came between the two found the worker keyless and has given it the key, or is about to.
    if (this.#current === worker) this.#listening = true
    this.#logger.info('worker listens', { pid: worker.pid })
  }

  async #giveKey(worker: WorkerProcess): Promise<void> {
    const isFirst = !worker.hasKey
    await worker.unseal(() => this.#options.rootKey())
    if (isFirst && worker.hasKey) this.#logger.info('worker unsealed', { pid: worker.pid })
  }

  /** The only way in which a worker is followed by another without being asked: it has died, for whatever reason. */
  #onExit(worker: WorkerProcess, exit: WorkerExit): void {
    if (this.#current !== worker || this.#stopping || !this.#started) return
    this.#listening = false
    this.#logger.error('a worker ended and is replaced', { pid: worker.pid, exitCode: exit.code, signal: exit.signal })
    if (this.#options.clock.monotonic() - this.#startedAt > healthyMs) this.#failures = 0
    void this.#revive(worker)
  }

  async #revive(dead: WorkerProcess): Promise<void> {
    const pause = this.#failures === 0 ? 0 : Math.min(firstPauseMs * 2 ** (this.#failures - 1), longestPauseMs)
    this.#failures += 1
    await sleep(pause, undefined, { signal: this.#wake.signal }).catch(() => undefined)
    if (this.#current !== dead || this.#stopping) return
    this.#options.onRestart()
    const worker = this.#spawn()
    try {
      await this.#bringUp(worker)
    } catch (error) {
      this.#logger.error('a worker did not start', { error })
      worker.kill()
    }
  }
}
