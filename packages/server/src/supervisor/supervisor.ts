// The supervisor: no network input, all authority. It brings the server up in an order in which each part finds what it
// needs, watches it, and takes it down in the reverse order.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { platform } from 'node:process'
import { describeConfig, type Config } from '../config/config.ts'
import { formatAddress } from '../config/setting.ts'
import { readVersion } from '../config/version.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { fail } from '../kernel/errors.ts'
import type { SealStatus } from '../kernel/seal-control.ts'
import { systemClock } from '../lib/clock.ts'
import { SealMachine } from '../seal/machine.ts'
import { Pool } from '../storage/pool.ts'
import { observeProcess } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/logger.ts'
import { Metrics, type ProcessSnapshot } from '../telemetry/metrics.ts'
import { reserveAddress } from './addresses.ts'
import { baseUrl } from './announce.ts'
import { openDataDirectory, writePrivate } from './data-directory.ts'
import { openDatabase } from './database.ts'
import { claimDevDirectory } from './dev-directory.ts'
import { openOrInitialise } from './first-start.ts'
import { coreDumpsAreOn } from './hardening.ts'
import type { DatabaseAccess } from './protocol.ts'
import { SealDesk } from './seal-desk.ts'
import { keyFileOf, makeSealKeeper, type InitialisePlatform } from './seal-keeper.ts'
import { workerProgram } from './worker-process.ts'
import { Workers } from './workers.ts'

export interface ServerOptions {
  readonly config: Config
  readonly logger: Logger
  readonly initialisePlatform: InitialisePlatform
  /** Aborted when the server shall stop, also while it starts. */
  readonly stopping: AbortSignal
  /** Another program than the product's worker, for tests of the supervisor itself. */
  readonly workerProgram?: string
}

export interface RunningServer {
  /** With the ports that are listened on. */
  readonly config: Config
  readonly status: SealStatus
  /** The first token, when this start made it. */
  readonly rootToken: string | undefined
  readonly workers: Workers
  /** Drains and takes everything down; the deadline is for the workers. */
  stop(deadlineMs: number): Promise<void>
  /** Ends the workers at once; `stop` then has nobody to wait for. */
  hurry(): void
}

/** Resolves when every worker listens. What was up is taken down again when something fails or `stopping` is aborted. */
export const startServer = async (options: ServerOptions): Promise<RunningServer> => {
  const undo = new AsyncDisposableStack()
  try {
    return await bringUp(options, undo)
  } catch (error) {
    await undo.disposeAsync()
    throw error
  }
}

const stopped = () => fail('unavailable', 'supervisor.stopped', 'The server was told to stop while it was starting.')

/** Time for workers that were up when something else failed. */
const failedStartMs = 2_000

const bringUp = async (options: ServerOptions, undo: AsyncDisposableStack): Promise<RunningServer> => {
  const { logger, stopping } = options
  const proceed = (): void => {
    if (stopping.aborted) throw stopped()
  }
  checkSystem(options.config, logger)
  const { nodeId } = await claimDirectory(options.config, undo)
  if (options.config.seal.kind === 'keyfile') keyFileOf(options.config, nodeId)
  const config = await reserveListeners(options.config, undo)
  proceed()
  const database = await openDatabase(config, logger)
  undo.defer(() => database.stop())
  proceed()

  const version = readVersion()
  const pool = new Pool(database.access.direct.coffer_app, { max: 3 })
  undo.defer(() => pool.close())
  const machine = new SealMachine({ database: pool, dataDirectory: config.dataDir, kind: config.seal.kind })
  const keeper = makeSealKeeper({ machine, config, nodeId, version, logger, initialisePlatform: options.initialisePlatform })
  undo.defer(() => keeper.seal())
  const { desk, workers } = employ({ options, config, nodeId, version, access: database.access, keeper })
  const first = config.mode === 'server' ? { status: await desk.openAutomatically(), rootToken: undefined } : await openOrInitialise(desk, config)
  proceed()

  let deadline = failedStartMs
  undo.defer(() => workers.stop(deadline))
  const hurry = (): void => workers.kill()
  stopping.addEventListener('abort', hurry)
  await workers.start()
  stopping.removeEventListener('abort', hurry)
  proceed()
  await leaveAddress(config, undo)
  logger.info('ready', readyFacts(config, first.status, version))
  return {
    config,
    ...first,
    workers,
    async stop(deadlineMs) {
      deadline = deadlineMs
      await undo.disposeAsync()
    },
    hurry,
  }
}

const checkSystem = (config: Config, logger: Logger): void => {
  logger.info('starting', { mode: config.mode, settings: describeConfig(config) })
  if (config.workers > 1 && platform !== 'linux') throw fail('invalid_request', 'supervisor.one_worker_only', 'workers: more than one is possible on Linux only, so far.', { field: 'workers' })
  if (coreDumpsAreOn()) logger.warn('core dumps are on; start through bin/coffer, or with `ulimit -c 0`')
}

const claimDirectory = async (config: Config, undo: AsyncDisposableStack): Promise<{ readonly nodeId: string }> => {
  if (config.mode === 'dev') {
    const claimed = await claimDevDirectory(config.dataDir, systemClock)
    undo.defer(() => claimed.remove())
  }
  const directory = await openDataDirectory(config.dataDir)
  undo.defer(() => directory.release())
  return directory
}

const reserveListeners = async (config: Config, undo: AsyncDisposableStack): Promise<Config> => {
  const http = await reserveAddress(config.listen)
  undo.defer(() => http.release())
  if (!config.grpc.enabled) return { ...config, listen: http.address }
  const grpc = await reserveAddress(config.grpc.listen)
  undo.defer(() => grpc.release())
  return { ...config, listen: http.address, grpc: { ...config.grpc, listen: grpc.address } }
}

interface Employment {
  readonly options: ServerOptions
  readonly config: Config
  readonly nodeId: string
  readonly version: string
  readonly access: DatabaseAccess
  readonly keeper: ReturnType<typeof makeSealKeeper>
}

/** Desk and workers know each other: one answers what the other asks. */
const employ = ({ options, config, nodeId, version, access, keeper }: Employment): { readonly desk: SealDesk; readonly workers: Workers } => {
  const { logger } = options
  const metrics = new Metrics()
  observeProcess(metrics)
  const restarts = metrics.counter('coffer_worker_restarts_total', 'Workers that died and were replaced.').with()
  const listening = metrics.gauge('coffer_workers_listening', 'Workers that answer requests.').with()
  const sealed = metrics.gauge('coffer_sealed', '1 while the server is sealed.').with()
  const desk: SealDesk = new SealDesk(keeper, () => workers, logger)
  const collect = async (): Promise<readonly ProcessSnapshot[]> => {
    listening.set(workers.listening)
    sealed.set((await desk.status().catch(() => undefined))?.sealed === false ? 0 : 1)
    return [{ labels: { worker: 'supervisor' }, families: metrics.snapshot() }, ...(await workers.metrics())]
  }
  const workers: Workers = new Workers({
    count: config.workers,
    program: options.workerProgram ?? workerProgram,
    logger,
    clock: systemClock,
    handlers: (slot) => desk.handlers(slot, collect),
    assignment: (slot) => ({ config, slot, workers: config.workers, nodeId, bootId: makeUuidV7(), version, database: access }),
    rootKey: () => keeper.copyRootKey(),
    onRestart: () => restarts.inc(),
  })
  return { desk, workers }
}

/** Where a client on this machine finds the server of a data directory, while it runs. */
const leaveAddress = async (config: Config, undo: AsyncDisposableStack): Promise<void> => {
  const path = join(config.dataDir, 'address')
  await writePrivate(path, `${baseUrl(config)}\n`)
  undo.defer(() => rm(path, { force: true }))
}

const readyFacts = (config: Config, { initialized, sealed }: SealStatus, version: string): Readonly<Record<string, unknown>> => ({
  address: baseUrl(config),
  ...(config.grpc.enabled ? { grpcAddress: formatAddress(config.grpc.listen) } : {}),
  workers: config.workers,
  initialized,
  sealed,
  version,
})
