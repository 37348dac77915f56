// A worker's connections, by role: requests, freshness (its own, so that a round never queues behind requests), jobs and
// the audit shipper, each with the rights of its role and no more.

import { Pool } from '../storage/pool.ts'
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
  const open = (settings: ConstructorParameters<typeof Pool>[0], max: number): Pool => new Pool(settings, { max, onIdleError })
  const pools = {
    app: open(database.pooled.coffer_app, config.database.poolSize),
    freshness: open(database.pooled.coffer_app, 3),
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
