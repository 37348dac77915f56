// The worker's audit journal: its spool with checkpoints, shipping to PostgreSQL, and adoption of what crashes left.

import { sha256 } from '../crypto/digest.ts'
import { systemClock } from '../lib/clock.ts'
import type { OrgKeys } from '../keyring/org-keys.ts'
import type { AuditJournal } from '../request/ports.ts'
import { Checkpointer } from '../services/audit/checkpoint.ts'
import { exposeAuditMetrics } from '../services/audit/metrics.ts'
import { recordOf } from '../services/audit/records.ts'
import { LinkAdopter } from '../services/audit/shipping/adopter.ts'
import { Shipper } from '../services/audit/shipping/shipper.ts'
import { postgresSink } from '../services/audit/shipping/sinks/postgres.ts'
import { AuditSpool } from '../services/audit/spool/spool.ts'
import type { ChainKeys } from '../services/audit/spool/stream.ts'
import type { VerifyKeys } from '../services/audit/verify/walker.ts'
import type { WorkerContext } from '../supervisor/run-worker.ts'
import type { Pools } from './pools.ts'

const ADOPT_EVERY_MS = 15_000
const PRUNE_EVERY_MS = 60_000

export interface Journal extends AuditJournal {
  readonly available: boolean
  readonly verifyKeys: VerifyKeys
  /** After the last request: a last checkpoint, and one more try to ship. */
  close(): Promise<void>
}

/** The chain keys by the name that segments carry: their version. */
const chainKeysOf = (rootKeys: OrgKeys): ChainKeys => {
  const versions = rootKeys.purposeVersions('audit-chain')
  const newest = versions[0]
  if (newest === undefined) throw new Error('the root organization has no chain key')
  return { current: { id: String(newest.version), key: newest.key }, find: (id) => versions.find(({ version }) => String(version) === id)?.key }
}

const verifyKeysOf = (rootKeys: OrgKeys): VerifyKeys => {
  const signing = rootKeys.verifyKeys()
  return { chain: chainKeysOf(rootKeys), checkpoint: (id) => signing.find(({ version }) => String(version) === id)?.key }
}

export const openJournal = async (context: WorkerContext, pools: Pools, rootKeys: OrgKeys): Promise<Journal> => {
  const { config, logger } = context
  const spool = await AuditSpool.open({
    root: config.audit.directory,
    node: context.nodeId,
    slot: context.slot,
    boot: context.bootId,
    chainKeys: chainKeysOf(rootKeys),
    clock: systemClock,
    segmentBytes: config.audit.segmentBytes,
    maxSegments: Math.max(2, Math.floor(config.audit.maxSpoolBytes / config.audit.segmentBytes)),
  })
  await context.announceStream(spool.identity.stream)
  const signing = rootKeys.signingKey()
  const checkpointer = new Checkpointer(spool, { keyId: String(signing.version), key: signing.key }, systemClock)
  const shipper = new Shipper({ spool, sinks: [postgresSink(pools.audit)], clock: systemClock, onFailure: (sink, error) => logger.warn('an audit sink failed', { sink, error }) })
  const adopter = new LinkAdopter({ database: pools.jobs, spool, clock: systemClock })
  exposeAuditMetrics(context.metrics, spool, shipper)
  checkpointer.start(config.audit.checkpointSeconds * 1000)
  shipper.start()
  const quietly = (what: string, work: () => Promise<unknown>) => (): void => void work().catch((error: unknown) => logger.warn(what, { error }))
  const timers = [
    setInterval(quietly('adopting unchained writes failed', () => adopter.run()), ADOPT_EVERY_MS),
    setInterval(quietly('pruning shipped segments failed', () => shipper.prune()), PRUNE_EVERY_MS),
  ]
  return {
    encode: recordOf,
    digest: (record) => sha256(record),
    append: (record, onDurable) => spool.append(record, onDurable),
    appendLink: (link, onDurable) => spool.appendDigest(link, onDurable),
    get available() {
      return spool.available
    },
    verifyKeys: verifyKeysOf(rootKeys),
    async close() {
      for (const timer of timers) clearInterval(timer)
      await checkpointer.close()
      await shipper.stop()
    },
  }
}
