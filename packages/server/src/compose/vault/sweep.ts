// Tokens that have ended are removed with everything that was made from them: a child must not outlive its parent, even
// when the parent merely expired. Any number of workers may do this at once; what one has removed the other finds gone.

import { insertChange } from '../../kernel/audited-write.ts'
import type { NotedChange } from '../../kernel/audited-write.ts'
import type { Database } from '../../kernel/storage.ts'
import { sweep } from '../../services/identity/store.ts'
import { deleteMounts } from '../../barrier/repository.ts'

const EVERY_MS = 5_000

export interface SweepParts {
  /** Sees across organizations which tokens have ended, and nothing else of them. */
  readonly jobs: Database
  readonly app: Database
  readonly logger: { warn(message: string, fields: Readonly<Record<string, unknown>>): void }
  /** Irreversible work stops while clocks disagree. */
  isTimeSuspect(): boolean
  committed(changes: readonly NotedChange[]): void
}

const sweepOrganization = async ({ app, committed }: SweepParts, orgId: string): Promise<void> => {
  const changes = await app.transaction(orgId, async (tx) => {
    const gone = await sweep({ dropState: (within, org, tokenIds) => deleteMounts(within, org, tokenIds) }, tx, orgId)
    const noted = gone.map((key): NotedChange => ({ orgId, kind: 'token', key }))
    for (const change of noted) await insertChange(tx, change)
    return noted
  })
  if (changes.length > 0) committed(changes)
}

export const sweepTokens = async (parts: SweepParts): Promise<void> => {
  const due = await parts.jobs.query<{ org_id: string }>('select distinct org_id from (select org_id from coffer.tokens where expires_at <= now() order by expires_at limit 5000) ended')
  for (const { org_id: orgId } of due.rows) await sweepOrganization(parts, orgId)
}

export const startSweep = (parts: SweepParts): { stop(): void } => {
  let isRunning = false
  const timer = setInterval(() => {
    if (isRunning || parts.isTimeSuspect()) return
    isRunning = true
    sweepTokens(parts)
      .catch((error: unknown) => parts.logger.warn('removing ended tokens failed', { error }))
      .finally(() => (isRunning = false))
  }, EVERY_MS).unref()
  return { stop: () => clearInterval(timer) }
}
