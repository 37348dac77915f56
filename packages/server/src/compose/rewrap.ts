// KEKs that have reached the age that their organization set are rotated. After a rotation, data keys of existing versions come under the new KEK in the background: one worker of the whole
// installation at a time, batch by batch, so that a retired KEK is soon needed by nothing. Interrupted anywhere, it goes on.

import type { Keyring } from '../keyring/keyring.ts'
import type { RewrapProgress } from '../keyring/rewrap.ts'
import { dueForRotation } from '../keyring/rotation-rule.ts'
import { tryAdvisoryLock } from '../storage/lock.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Pools } from './pools.ts'

const EVERY_MS = 60_000
const BATCH = 500
/** Batches for one organization in one turn, so that a large one does not keep the others waiting. */
const BATCHES_A_TURN = 20

interface Due {
  readonly org_id: string
}

/**
 * Organizations with a retired KEK that some version still names. Ids only: all that the jobs role sees. Asked for the least KEK version that is named, because
 * that is one step in the index; `exists` would be planned as a look through all versions, every one of which names some KEK.
 */
export const dueSql = `select distinct k.org_id from coffer.keks k where k.state = 'retired'
  and (select min(v.kek_version) from coffer.secret_versions v where v.org_id = k.org_id and v.kek_id = k.kek_id and v.kek_version >= k.version) = k.version limit 100`

export interface RewrapParts {
  readonly keyring: Keyring
  readonly pools: Pick<Pools, 'jobs'>
  readonly logger: Logger
}

/** One turn as a function, for the timer and for tests. */
export const makeRewrap = ({ keyring, pools, logger }: RewrapParts): (() => Promise<void>) => {
  // Versions that were destroyed keep the name of their KEK; an organization with nothing else left is done until it rotates again.
  const done = new Map<string, number>()
  // Where the next turn goes on with an organization.
  const under = new Map<string, { readonly secrets?: RewrapProgress | undefined; readonly entries?: RewrapProgress | undefined }>()
  return async () => {
    await tryAdvisoryLock(pools.jobs, 'rewrap', async () => {
      for (const orgId of await dueForRotation(pools.jobs, 100)) await keyring.rotateAged(orgId)
      const due = await pools.jobs.query<Due>(dueSql)
      // Engines' entries of some may be left, when the versions are done.
      for (const orgId of new Set([...due.rows.map(({ org_id }) => org_id), ...under.keys()])) {
        const { activeKek } = await keyring.organization(orgId)
        if (done.get(orgId) === activeKek.kekVersion) continue
        const slice = { batch: BATCH, maxBatches: BATCHES_A_TURN }
        const secrets = await keyring.rewrapSecrets(orgId, { ...slice, progress: under.get(orgId)?.secrets })
        const entries = await keyring.rewrapEntries(orgId, { ...slice, progress: under.get(orgId)?.entries })
        under.set(orgId, { secrets: secrets.progress, entries: entries.progress })
        const moved = secrets.rewrapped + entries.rewrapped
        if (moved > 0) logger.info('data keys were re-wrapped', { orgId, moved, failed: secrets.failed.length + entries.failed.length })
        if (secrets.complete && entries.complete) {
          done.set(orgId, activeKek.kekVersion)
          under.delete(orgId)
        }
      }
    })
  }
}

export const startRewrap = (parts: RewrapParts): { stop(): void } => {
  const turn = makeRewrap(parts)
  const timer = setInterval(() => void turn().catch((error: unknown) => parts.logger.warn('re-wrapping data keys failed; it is tried again', { error })), EVERY_MS)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
