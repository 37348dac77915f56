// Housekeeping of the feed, run by the jobs role: rows of workers that are long dead go, then changes that every worker
// left has applied. A worker whose row is gone notices at its next renewal and drops its whole cache.

import type { Database } from '../../kernel/storage.ts'

export interface PruneResult {
  readonly workers: number
  readonly changes: number
}

/** Far longer than a lease, so that no error of the database's clock that goes unnoticed removes a worker that lives. */
const deadAfterSeconds = 600

const pruneWorkersSql = `delete from worker_leases where lease_until < clock_timestamp() - $1 * interval '1 second'`

// A worker without a snapshot stands somewhere unknown: while it has a row, nothing goes.
const pruneChangesSql = `delete from changes where xid < (
  select case when count(*) = count(applied_snapshot)
    then coalesce(min(pg_snapshot_xmin(applied_snapshot)), pg_snapshot_xmin(pg_current_snapshot())) end
  from worker_leases)`

/** Not to be called while time is suspect. */
export const pruneFeed = async (jobs: Database): Promise<PruneResult> => {
  const workers = await jobs.query(pruneWorkersSql, [deadAfterSeconds])
  const changes = await jobs.query(pruneChangesSql)
  return { workers: workers.count, changes: changes.count }
}
