// Desk, workers and the care for what dead workers leave, made for each other.

import type { Config } from '../config/config.ts'
import { makeUuidV7 } from '../crypto/random.ts'
import { systemClock } from '../lib/clock.ts'
import type { Database } from '../kernel/storage.ts'
import { spoolLimits } from '../services/audit/spool/limits.ts'
import { postgresSink } from '../services/audit/shipping/sinks/postgres.ts'
import { observeProcess } from '../telemetry/health.ts'
import type { LogControl, Logger } from '../telemetry/logger.ts'
import { Metrics, type ProcessSnapshot } from '../telemetry/metrics.ts'
import { decodeJson, operation, type DatabaseAccess, type Notice } from './control/protocol.ts'
import type { SealMachine } from '../seal/machine.ts'
import { makeCeremonies } from './ceremonies/ceremonies.ts'
import type { Nursery } from './worker-process.ts'
import { RootWatch } from './root-watch.ts'
import { SealDesk } from './seal-desk.ts'
import type { SealKeeper } from './seal-keeper.ts'
import { Spools } from './spools.ts'
import { Workers } from './workers.ts'

export interface Employment {
  readonly config: Config
  readonly nodeId: string
  readonly version: string
  readonly access: DatabaseAccess
  /** As the audit role. */
  readonly auditDatabase: Database
  readonly machine: SealMachine
  readonly keeper: SealKeeper
  readonly logger: Logger
  /** Of the supervisor's own log, and of what workers start with. */
  readonly logControl: LogControl
  readonly nursery: Nursery
}

/** Nothing is started yet. */
export const employ = ({ config, nodeId, version, access, auditDatabase, machine, keeper, logger, logControl, nursery }: Employment): { readonly desk: SealDesk; readonly workers: Workers; readonly spools: Spools; readonly watch: RootWatch } => {
  const metrics = new Metrics()
  observeProcess(metrics)
  const restarts = metrics.counter('coffer_worker_restarts_total', 'Workers that died and were replaced.').with()
  const listening = metrics.gauge('coffer_workers_listening', 'Workers that answer requests.').with()
  const sealed = metrics.gauge('coffer_sealed', '1 while the server is sealed.').with()
  const room = makeCeremonies({ machine, keeper, opensByItself: config.seal.kind === 'keyfile', spread: () => workers.replaceRoot(), now: () => systemClock.monotonic(), logger })
  const desk: SealDesk = new SealDesk(keeper, () => workers, logger, room)
  const collect = async (): Promise<readonly ProcessSnapshot[]> => {
    listening.set(workers.listening)
    sealed.set((await desk.status().catch(() => undefined))?.sealed === false ? 0 : 1)
    return [{ labels: { worker: 'supervisor' }, families: metrics.snapshot() }, ...(await workers.metrics())]
  }
  const spread = async (notice: Notice): Promise<void> => {
    if (notice.kind === 'log-level') logControl.level = notice.level
    await workers.notice(notice)
  }
  const workers: Workers = new Workers({
    count: config.workers,
    spawn: () => nursery.take(),
    logger,
    clock: systemClock,
    handlers: (slot) => new Map([...desk.handlers(slot, collect), [operation.spreadNotice, async (body: Buffer) => (await spread(decodeJson<Notice>(body)), undefined)]]),
    assignment: (slot) => ({ logLevel: config.log.level, config: { ...config, log: { ...config.log, level: logControl.level } }, slot, workers: config.workers, nodeId, bootId: makeUuidV7(), version, database: access }),
    rootKey: () => keeper.copyRootKey(),
    onRestart: () => restarts.inc(),
    onStreamsChange: () => spools.wake(),
  })
  const spools: Spools = new Spools({ root: config.audit.directory, sinks: [postgresSink(auditDatabase)], mostHeld: Math.floor(spoolLimits({ ...config.audit, writers: config.workers }).maxSegments / 4), logger, writers: () => workers.writers })
  return { desk, workers, spools, watch: new RootWatch({ machine, keeper, desk, logger }) }
}
