// The life of a worker: told what it is, composed, given the key if there is one, listening, drained. It ends at once
// when the supervisor is gone, because then nobody could seal it.

import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../kernel/errors.ts'
import type { Ceremonies } from '../kernel/ports/ceremonies.ts'
import type { SealControl, WorkerApp } from '../kernel/ports/seal-control.ts'
import { observeProcess } from '../telemetry/health.ts'
import { createLogger, type LogControl, type Logger, type LogLevel } from '../telemetry/logger.ts'
import { Metrics, type ProcessSnapshot } from '../telemetry/metrics.ts'
import { Channel, type Handler } from './control/channel.ts'
import { excludeMemoryFromDumps, refuseDebugger, reportCrashes } from './hardening.ts'
import { decodeJson, decodeParts, encodeJson, operation, type Notice, type WorkerAssignment } from './control/protocol.ts'
import { remoteCeremonies } from './control/remote-ceremonies.ts'
import { remoteMetrics, remoteSealControl } from './control/remote-seal-control.ts'
import { channelDescriptor } from './worker-process.ts'

/** Everything that a worker is composed from. */
export interface WorkerContext extends WorkerAssignment {
  readonly sealControl: SealControl
  readonly ceremonies: Ceremonies
  readonly logger: Logger
  /** This process's own registry. */
  readonly metrics: Metrics
  /** The numbers of all processes, for `/metrics` (`renderMetrics`). */
  collectMetrics(): Promise<readonly ProcessSnapshot[]>
  /** To be called when the audit spool is open, with its stream's id: from then on the supervisor ships the streams of the dead. */
  announceStream(stream: string): Promise<void>
  /** The level of the log of every process of this server. */
  readonly logging?: { readonly level: LogLevel; readonly configured: LogLevel; set(level: LogLevel): Promise<void> }
  /** Has every worker open its files anew. */
  reopenAll?(): Promise<void>
}

export type Composer = (context: WorkerContext) => Promise<WorkerApp>

/** Time for the last answer to leave before the process ends. */
const partingMs = 50

export const runWorker = (compose: Composer): void => {
  refuseDebugger()
  excludeMemoryFromDumps()
  // A terminal's Ctrl-C and a service manager's stop reach the whole group; only the supervisor decides when a worker ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  process.umask(0o077)
  if (!isSocket(channelDescriptor)) {
    process.stderr.write('coffer: this program is started by `coffer server`, not by hand\n')
    process.exit(2)
  }
  new Worker(compose).run()
}

const isSocket = (descriptor: number): boolean => {
  try {
    return fstatSync(descriptor).isSocket()
  } catch {
    return false
  }
}

class Worker {
  readonly #compose: Composer
  readonly #channel: Channel
  readonly #metrics = new Metrics()
  #logger = createLogger({ format: 'json' })
  readonly #logControl: LogControl = { level: 'info' }
  #app: Promise<WorkerApp> | undefined

  constructor(compose: Composer) {
    this.#compose = compose
    this.#channel = openChannel(this.#handlers())
  }

  run(): void {
    observeProcess(this.#metrics)
    void this.#channel.closed.then(() => {
      this.#logger.error('the supervisor is gone; this worker ends')
      process.exit(1)
    })
  }

  #handlers(): ReadonlyMap<number, Handler> {
    return new Map<number, Handler>([
      [operation.configure, this.#explained('the worker could not be composed', (body) => this.#configure(decodeJson(body)))],
      [operation.unseal, this.#explained('the worker could not take the key', (body) => this.#takeRoot(body, (app, rootKey, generation) => app.unseal(rootKey, generation)))],
      [operation.replaceRoot, this.#explained('the worker could not take the next root key', (body) => this.#takeRoot(body, (app, rootKey, generation) => app.replaceRoot(rootKey, generation)))],
      [operation.listen, this.#explained('the worker could not listen', async () => (await this.#composed()).listen())],
      [operation.metrics, async () => encodeJson(this.#metrics.snapshot())],
      [operation.notice, async (body) => (await this.#notice(decodeJson(body)), undefined)],
      [operation.stop, async () => (await this.#stop(), undefined)],
    ])
  }

  /** Causes do not cross the channel, so what went wrong is said here. */
  #explained(what: string, work: (body: Buffer) => Promise<void>): Handler {
    return async (body) => {
      try {
        await work(body)
        return undefined
      } catch (error) {
        this.#logger.error(what, { error })
        throw error
      }
    }
  }

  async #configure(assignment: WorkerAssignment): Promise<void> {
    const { config, slot } = assignment
    process.title = `coffer: worker ${slot}`
    this.#logControl.level = config.log.level
    this.#logger = createLogger({ control: this.#logControl, format: config.log.format }).child({ worker: slot, pid: process.pid })
    reportCrashes(this.#logger)
    this.#app = this.#compose({
      ...assignment,
      sealControl: remoteSealControl(this.#channel),
      ceremonies: remoteCeremonies(this.#channel),
      logger: this.#logger,
      metrics: this.#metrics,
      collectMetrics: remoteMetrics(this.#channel),
      logging: this.#logging(assignment.logLevel ?? config.log.level),
      reopenAll: () => this.#spread({ kind: 'reopen' }),
      announceStream: async (stream) => void (await this.#channel.request(operation.announceStream, Buffer.from(stream, 'utf8'))),
    })
    await this.#app
  }

  async #takeRoot(body: Buffer, take: (app: WorkerApp, rootKey: Buffer, generation: number) => Promise<void>): Promise<void> {
    const { facts: { generation }, shares: [rootKey = Buffer.alloc(0)] } = decodeParts<{ readonly generation: number }>(body)
    try {
      await take(await this.#composed(), rootKey, generation)
    } finally {
      rootKey.fill(0)
    }
  }

  async #notice(notice: Notice): Promise<void> {
    if (notice.kind === 'log-level') this.#logControl.level = notice.level
    else await (await this.#app)?.reopen?.()
  }

  #logging(configured: LogLevel): NonNullable<WorkerContext['logging']> {
    const control = this.#logControl
    return {
      get level() {
        return control.level
      },
      configured,
      set: (level) => this.#spread({ kind: 'log-level', level }),
    }
  }

  async #spread(notice: Notice): Promise<void> {
    await this.#channel.request(operation.spreadNotice, encodeJson(notice))
  }

  #composed(): Promise<WorkerApp> {
    return this.#app ?? Promise.reject(fail('internal', 'supervisor.not_configured', 'The worker has not been told what it is.'))
  }

  async #stop(): Promise<void> {
    try {
      await (await this.#app?.catch(() => undefined))?.drain()
    } catch (error) {
      this.#logger.error('not everything could be drained', { error })
    }
    setImmediate(() => void this.#part())
  }

  async #part(): Promise<void> {
    await Promise.race([this.#channel.flushed(), sleep(partingMs)])
    process.exit(0)
  }
}

/** Reads into one buffer that is overwritten after each read; ordinary reads would leave copies to the garbage collector. */
const openChannel = (handlers: ReadonlyMap<number, Handler>): Channel => {
  const buffer = Buffer.alloc(64 * 1024)
  const socket = new Socket({
    fd: channelDescriptor,
    readable: true,
    writable: true,
    onread: {
      buffer,
      callback: (count) => {
        channel.feed(buffer.subarray(0, count))
        return true
      },
    },
  })
  const channel = new Channel(socket, handlers)
  socket.resume()
  return channel
}
