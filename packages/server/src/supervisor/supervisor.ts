// The supervisor: no network input, all authority. It brings the server up in an order in which each part finds what it
// needs, watches it, and takes it down in the reverse order.

import { describeConfig, type Config } from '../config/config.ts'
import { formatAddress } from '../config/setting.ts'
import { readVersion } from '../config/version.ts'
import { fail } from '../kernel/errors.ts'
import type { SealStatus } from '../kernel/ports/seal-control.ts'
import { rewrapUnderRoot } from '../keyring/rotate-root.ts'
import { SealMachine } from '../seal/machine.ts'
import { Pool } from '../storage/pool.ts'
import type { LogControl, Logger } from '../telemetry/logger.ts'
import { baseUrl } from './announce.ts'
import { checkSpool, checkSystem, claimDirectory, leaveAddress, reserveListeners } from './claims.ts'
import { openDatabase } from './database.ts'
import { employ } from './employment.ts'
import { openOrInitialise } from './first-start.ts'
import { keyFileOf, makeSealKeeper, type InitialisePlatform } from './seal-keeper.ts'
import { Nursery, workerProgram } from './worker-process.ts'
import type { Workers } from './workers.ts'

export interface ServerOptions {
  readonly config: Config
  readonly logger: Logger
  /** Of that logger, so that its level can be changed. */
  readonly logControl?: LogControl
  readonly loadPlatform: () => Promise<InitialisePlatform>
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
  logger.info('starting', { mode: options.config.mode, settings: describeConfig(options.config) })
  checkSystem(options.config, logger)
  const { nodeId } = await claimDirectory(options.config, undo)
  await checkSpool(options.config, logger)
  if (options.config.seal.kind === 'keyfile') keyFileOf(options.config, nodeId)
  const config = await reserveListeners(options.config, undo)
  proceed()
  const nursery = new Nursery(options.workerProgram ?? workerProgram)
  undo.defer(() => nursery.close())
  nursery.fill(config.workers)
  const database = await openDatabase(config, logger)
  undo.defer(() => database.stop())
  proceed()

  const version = readVersion()
  const pool = new Pool(database.access.direct.coffer_app, { max: 3, silenceMs: 33_000 })
  undo.defer(() => pool.close())
  const auditDatabase = new Pool(database.access.direct.coffer_audit, { max: 1 })
  undo.defer(() => auditDatabase.close())
  const machine = new SealMachine({ database: pool, dataDirectory: config.dataDir, kind: config.seal.kind, rewrapKeys: rewrapUnderRoot })
  const keeper = makeSealKeeper({ machine, config, nodeId, version, logger, loadPlatform: options.loadPlatform })
  undo.defer(() => keeper.drop())
  const { desk, workers, spools, watch } = employ({ config, nodeId, version, access: database.access, auditDatabase, machine, keeper, logger, logControl: options.logControl ?? { level: config.log.level }, nursery })
  const first = config.mode === 'server' ? { status: await desk.openAutomatically(), rootToken: undefined } : await openOrInitialise(desk, config)
  proceed()

  undo.defer(() => spools.stop())
  spools.start()
  let deadline = failedStartMs
  undo.defer(() => workers.stop(deadline))
  const hurry = (): void => workers.kill()
  stopping.addEventListener('abort', hurry)
  await workers.start()
  stopping.removeEventListener('abort', hurry)
  proceed()
  undo.defer(() => watch.stop())
  watch.start()
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

const readyFacts = (config: Config, { initialized, sealed }: SealStatus, version: string): Readonly<Record<string, unknown>> => ({
  address: baseUrl(config),
  ...(config.grpc.enabled ? { grpcAddress: formatAddress(config.grpc.listen) } : {}),
  workers: config.workers,
  initialized,
  sealed,
  version,
})
