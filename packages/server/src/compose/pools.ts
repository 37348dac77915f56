// A worker's connections, by role: requests, freshness (its own, so that a round never queues behind requests), jobs and
// the audit shipper, each with the rights of its role and no more.

import { Pool, type ConnectionSettings } from '../storage/pool.ts'
import type { WorkerContext } from '../supervisor/run-worker.ts'

export interface Pools {
  readonly app: Pool
  readonly freshness: Pool
  readonly jobs: Pool
  readonly audit: Pool
  close(): Promise<void>
}

export const openPools = ({ config, database, logger }: WorkerContext): Pools => {
  const onIdleError = (code: string): void => logger.warn('an idle database connection failed', { code })
  const open = (settings: ConnectionSettings, max: number, statementTimeoutMs = 30_000): Pool => new Pool(settings, { max, onIdleError, statementTimeoutMs, silenceMs: statementTimeoutMs + 3_000 })
  const pools = {
    // Somebody waits for these: a database that has gone silent is a 503 while they still do.
    app: open(database.pooled.coffer_app, config.database.poolSize, 12_000),
    freshness: open(database.pooled.coffer_app, 3, 5_000),
    jobs: open(database.pooled.coffer_jobs, 2),
    audit: open(database.pooled.coffer_audit, 2),
  }
  return {
    ...pools,
    close: async () => {
      await Promise.all(Object.values(pools).map((pool) => pool.close()))
    },
  }
}
