// The worker's audit journal: its spool with checkpoints, shipping to PostgreSQL, and adoption of what crashes left.

import { makeUuidV7 } from '../crypto/random.ts'
import { eventTypeOf } from '../kernel/audit.ts'
import { fail } from '../kernel/errors.ts'
import { systemClock } from '../lib/clock.ts'
import type { OrgKeys } from '../keyring/org-keys.ts'
import type { AuditJournal } from '../request/ports.ts'
import { durable } from '../request/recording.ts'
import { Checkpointer } from '../services/audit/checkpoint.ts'
import { exposeAuditMetrics, exposeDeviceMetrics } from '../services/audit/metrics.ts'
import type { Devices } from '../services/audit/devices/devices.ts'
import { hmacIdentifier, recordOf, recordsOf, writtenRecordOf } from '../services/audit/records.ts'
import { LinkAdopter } from '../services/audit/shipping/adopter.ts'
import { Shipper } from '../services/audit/shipping/shipper.ts'
import { postgresSink } from '../services/audit/shipping/sinks/postgres.ts'
import { spoolLimits } from '../services/audit/spool/limits.ts'
import { AuditSpool, type OnDurable } from '../services/audit/spool/spool.ts'
import type { ChainKeys } from '../services/audit/spool/stream.ts'
import type { VerifyKeys } from '../services/audit/verify/walker.ts'
import type { AuditDevicesPort } from '../system/audit/ports.ts'
import { makeDevices, makeDevicesPort, type DeviceSources } from './vault/devices.ts'

const DATABASE_WAIT_MS = 10_000
/** Nobody waits for local records to be shipped, so they go in larger parts. */
const GATHER_MS = 100
const ADOPT_EVERY_MS = 15_000
/** Also how long a spool that was full refuses after its records could be shipped again. */
const PRUNE_EVERY_MS = 2_000

export interface Journal extends AuditJournal {
  readonly available: boolean
  readonly verifyKeys: VerifyKeys
  readonly devices: Devices
  readonly devicesPort: AuditDevicesPort
  /** After the last request: a last checkpoint, and one more try to ship. */
  close(): Promise<void>
}

/** The first segment of this worker's stream that some device still needs. */
const lowestHeld = async (devices: Devices): Promise<number | undefined> =>
  devices.known ? Math.min(Number.POSITIVE_INFINITY, ...(await Promise.all(devices.loops.map((loop) => loop.segment())))) : undefined

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

/** That a worker was given the key is part of the record: it is the first thing in its stream. */
export const recordUnseal = async (journal: AuditJournal, orgId: string, now: number): Promise<void> => {
  const at = Math.trunc(now)
  const requestId = `req_${makeUuidV7(at)}`
  await durable(journal, [journal.encode({ id: makeUuidV7(at), at, orgId, eventType: eventTypeOf('system.unseal'), action: 'system.unseal', actorType: 'system', requestId, door: 'supervisor', decision: 'ALLOW', status: 200 })], [])
}

/** With `audit.durability: database` a record counts only once its frame is in the database as well. */
class DatabaseGate {
  #confirmed = -1
  #waiting: { readonly seq: number; readonly done: OnDurable; readonly timer: NodeJS.Timeout }[] = []

  confirm(seq: number): void {
    this.#confirmed = seq
    const ready = this.#waiting.filter((each) => each.seq <= seq)
    this.#waiting = this.#waiting.filter((each) => each.seq > seq)
    for (const { done, timer } of ready) {
      clearTimeout(timer)
      done(undefined)
    }
  }

  wait(seq: number, done: OnDurable): void {
    if (seq <= this.#confirmed) return done(undefined)
    const entry = { seq, done, timer: setTimeout(() => {
      this.#waiting = this.#waiting.filter((each) => each !== entry)
      done(fail('internal', 'audit_unavailable', 'The audit record did not reach the database in time, so the request was refused.'))
    }, DATABASE_WAIT_MS) }
    this.#waiting.push(entry)
    return undefined
  }
}

export const openJournal = async (sources: DeviceSources, rootKeys: OrgKeys): Promise<Journal> => {
  const { context, pools } = sources
  const { config, logger } = context
  const gate = config.audit.durability === 'database' ? new DatabaseGate() : undefined
  const limits = spoolLimits({ segmentBytes: config.audit.segmentBytes, maxSpoolBytes: config.audit.maxSpoolBytes, writers: context.workers })
  const chainKeys = chainKeysOf(rootKeys)
  const spool = await AuditSpool.open({
    root: config.audit.directory,
    node: context.nodeId,
    slot: context.slot,
    boot: context.bootId,
    chainKeys,
    clock: systemClock,
    ...limits,
  })
  const devices = makeDevices(sources, spool, chainKeys)
  // Before the supervisor may remove anything: it reads which devices there are.
  await devices.refresh().catch(() => undefined)
  await context.announceStream(spool.identity.stream)
  const signing = rootKeys.signingKey()
  const checkpointer = new Checkpointer(spool, { keyId: String(signing.version), key: signing.key }, systemClock)
  const shipper = new Shipper({ spool, sinks: [postgresSink(pools.audit)], clock: systemClock, held: { lowest: () => lowestHeld(devices), mostHeld: Math.max(1, Math.floor(limits.maxSegments / 2 / context.workers)) }, ...(gate === undefined ? { gatherMs: GATHER_MS } : { onConfirmed: (_sink: string, seq: number) => gate.confirm(seq) }), onFailure: (sink, error) => logger.warn('an audit sink failed', { sink, error }) })
  const adopter = new LinkAdopter({ database: pools.jobs, spool, clock: systemClock })
  exposeAuditMetrics(context.metrics, spool, shipper)
  exposeDeviceMetrics(context.metrics, devices)
  checkpointer.start(config.audit.checkpointSeconds * 1000)
  shipper.start()
  const quietly = (what: string, work: () => Promise<unknown>) => (): void => void work().catch((error: unknown) => logger.warn(what, { error }))
  const timers = [
    setInterval(quietly('adopting unchained writes failed', () => adopter.run()), ADOPT_EVERY_MS),
    setInterval(quietly('pruning shipped segments failed', () => shipper.prune()), PRUNE_EVERY_MS),
  ]
  const detail = { hasher: async (orgId: string) => {
    const key = (await sources.keyring.organization(orgId)).purpose('audit')
    return (value: string): string => hmacIdentifier(key, value)
  }, headers: async () => new Map(Object.entries(sources.settings.current.auditedHeaders)) }
  // The head at the time of the callback is the frame that holds the record.
  const gated = (onDurable: OnDurable): OnDurable => (gate === undefined ? onDurable : (error) => (error === undefined ? gate.wait(spool.head.seq, onDurable) : onDurable(error)))
  return {
    encode: recordOf,
    encodeAll: recordsOf,
    written: writtenRecordOf,
    append: (record, onDurable) => spool.append(record, gated(onDurable)),
    appendAll: (records, onDurable) => spool.appendAll(records, gated(onDurable)),
    appendLink: (link, onDurable) => spool.appendDigest(link, gated(onDurable)),
    get available() {
      return spool.available
    },
    verifyKeys: verifyKeysOf(rootKeys),
    get detail() {
      return devices.detail ? detail : undefined
    },
    devices,
    devicesPort: makeDevicesPort(sources, devices),
    async close() {
      for (const timer of timers) clearInterval(timer)
      await checkpointer.close()
      await Promise.all([shipper.stop(), devices.close()])
    },
  }
}
