// The queue of what is due: expired leases, those of ended tokens and disabled mounts, and what failed before. Every worker
// looks; what one has claimed the others leave alone. Nothing ends while clocks disagree.

import type { Database } from '../../kernel/storage.ts'
import type { LeasePorts } from './ports.ts'
import { organizationsDue } from './repository.ts'
import { endSome } from './revocation.ts'

const EVERY_MS = 1_000
const LOOK_AHEAD = 1_000
/** A revocation that a closing worker does not wait for is another worker's when its claim has run out. */
const STOP_MS = 5_000

export interface QueueParts {
  readonly ports: LeasePorts
  /** Sees across organizations what is due, and nothing else of it. */
  readonly jobs: Database
  readonly logger: { warn(message: string, fields: Readonly<Record<string, unknown>>): void }
  isTimeSuspect(): boolean
}

/** Ends everything that is due now. Returns how many leases were tried. */
export const endDue = async ({ ports, jobs, logger, isTimeSuspect }: QueueParts): Promise<number> => {
  let tried = 0
  for (const orgId of await organizationsDue(jobs, LOOK_AHEAD)) {
    try {
      for (let full = true; full && !isTimeSuspect();) {
        const batch = await endSome(ports, orgId, 'due')
        full = batch.full
        tried += batch.outcomes.length
        for (const { name, error, cause } of batch.outcomes) if (error !== undefined) logger.warn('a lease could not be revoked; it is tried again', { orgId, lease: name, error: cause })
      }
    } catch (error) {
      // One organization's trouble is not the others'.
      logger.warn('revoking leases failed', { orgId, error })
    }
  }
  return tried
}

export const startQueue = (parts: QueueParts): { stop(): Promise<void> } => {
  let running: Promise<unknown> | undefined
  const timer = setInterval(() => {
    if (running !== undefined || parts.isTimeSuspect()) return
    running = endDue(parts)
      .catch((error: unknown) => parts.logger.warn('looking for ended leases failed', { error }))
      .finally(() => { running = undefined })
  }, EVERY_MS).unref()
  return {
    async stop() {
      clearInterval(timer)
      if (running === undefined) return
      let timer_: NodeJS.Timeout | undefined
      await Promise.race([running, new Promise((resolve) => { timer_ = setTimeout(resolve, STOP_MS) })])
      clearTimeout(timer_)
    },
  }
}
