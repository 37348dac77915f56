// Everything that needs the root key: keys, caches under their lease, the audit journal, the services, and the prepared
// operations of each door. Built once per process, at unseal; there is no way back but a new process.

import { fail } from '../kernel/errors.ts'
import type { Implemented } from '../kernel/operation.ts'
import type { ServerSettings } from '../kernel/ports/server-settings.ts'
import { systemClock } from '../lib/clock.ts'
import { Keyring } from '../keyring/keyring.ts'
import { listen } from '../storage/listen.ts'
import { Flights } from '../api/http/flights.ts'
import { ChangeHub } from '../api/grpc/change-stream.ts'
import { makeAdmission, roomsFor } from '../request/admission.ts'
import { grpcForm, plainForm, type DoorForm } from '../request/form.ts'
import { prepare, type Runner } from '../request/pipeline.ts'
import type { PipelinePorts } from '../request/ports.ts'
import { prepareRefuser, type Refuser } from '../request/unresolved.ts'
import { WarmReads } from '../request/warm.ts'
import { actorPiece, assembleRecord, assembleRecords, targetPiece } from '../services/audit/records.ts'
import { Freshness } from '../services/freshness/freshness.ts'
import { changesChannel } from '../services/freshness/notifier.ts'
import { pruneFeed } from '../services/freshness/prune.ts'
import type { CachedSecret } from '../services/secrets/ports.ts'
import type { Prepared, VaultBackend } from '../api/v1/door.ts'
import { vaultForm } from '../api/v1/outcome.ts'
import { LiveSettings, SETTINGS_CHANGED } from './vault/settings.ts'
import { DEVICES_CHANGED, type DeviceSources } from './vault/devices.ts'
import type { OidcPorts } from '../services/identity/oidc/store.ts'
import { startUpkeep } from './vault/oidc.ts'
import { startSweep } from './vault/sweep.ts'
import { QUOTAS_CHANGED } from '../services/quotas/store.ts'
import type { Quotas } from './vault/quotas.ts'
import { startQueue } from '../services/leases/queue.ts'
import type { LeasePorts } from '../services/leases/ports.ts'
import { engines as catalogue } from '../catalog.ts'
import type { Engine } from '../kernel/engine.ts'
import type { WorkerContext } from '../supervisor/run-worker.ts'
import { unresolvedRequest } from '../system/unresolved.ts'
import { makeCaches } from './caches.ts'
import type { Deliveries } from './deliveries.ts'
import { makeDomain } from './domain.ts'
import { openJournal, recordUnseal } from './journal.ts'
import { exposeFreshness, exposeWarmReads, observer } from './metrics.ts'
import type { Pools } from './pools.ts'
import { startRewrap } from './rewrap.ts'

const PRUNE_FEED_MS = 60_000

export interface Platform {
  readonly rest: ReadonlyMap<string, Runner>
  readonly flat: ReadonlyMap<string, Runner>
  readonly vault: ReadonlyMap<string, Runner>
  readonly vaultBackend: VaultBackend
  /** Answers reads from the caches, where it can. */
  readonly warm: WarmReads<CachedSecret>
  readonly grpc: ReadonlyMap<string, Runner>
  /** Of doors other than Vault's, for requests that no operation could be found for. */
  readonly refusers: { readonly native: Refuser; readonly grpc: Refuser }
  /** What administrators have set. */
  readonly settings: LiveSettings
  /** Opens anew what may have been renamed. */
  reopen(): Promise<void>
  /** What streams follow. */
  readonly changes: ChangeHub
  /** The lease is usable and records are taken. */
  isReady(): boolean
  replaceRoot(rootKey: Buffer, generation: number): void
  close(): Promise<void>
}

interface PlatformOptions {
  readonly context: WorkerContext
  readonly pools: Pools
  readonly rootKey: Buffer
  readonly generation: number
  readonly deliveries: Deliveries
  readonly log: PipelinePorts['log']
  /** What the listener is answering. */
  readonly flights?: Flights
  /** The catalogue's, unless a test says others. */
  readonly engines?: readonly Engine[] | undefined
}

interface ClusterRow {
  readonly root_org_id: string
}

const openFreshness = ({ nodeId, database, logger }: WorkerContext, pools: Pools): Freshness =>
  new Freshness({
    database: pools.freshness,
    clock: systemClock,
    nodeId,
    listen: (onWake) => listen(database.direct.coffer_app, { channel: changesChannel, onWake }),
    hooks: { onFailure: (error) => logger.warn('freshness: a round failed', { error }), onTimeSuspect: (by) => logger.error('clocks disagree', { ...by }) },
  })

const rootOrganization = async (pools: Pools): Promise<string> => {
  const cluster = await pools.app.query<ClusterRow>('select root_org_id from coffer.cluster')
  const rootOrgId = cluster.rows[0]?.root_org_id
  if (rootOrgId === undefined) throw fail('internal', 'cluster.missing', 'The database is not initialised.')
  return rootOrgId
}

/** What goes on besides requests; stopped before the rest is closed. */
const startMaintenance = (parts: { readonly keyring: Keyring; readonly freshness: Freshness; readonly pools: Pools; readonly logger: WorkerContext['logger']; readonly leases: LeasePorts; readonly oidc: OidcPorts }): { stop(): Promise<void> } => {
  const { freshness, pools, logger, leases } = parts
  const rewrap = startRewrap(parts)
  const tokens = startSweep({
    jobs: pools.jobs, app: pools.app, logger,
    isTimeSuspect: () => freshness.timeSuspect,
    committed: (changes) => {
      freshness.applyLocal(changes)
      freshness.poke()
    },
  })
  const queue = startQueue({ ports: leases, jobs: pools.jobs, logger, isTimeSuspect: () => freshness.timeSuspect })
  const upkeep = startUpkeep({ ports: parts.oidc, jobs: pools.jobs, logger, isTimeSuspect: () => freshness.timeSuspect })
  const prune = setInterval(() => { if (!freshness.timeSuspect) pruneFeed(pools.jobs).catch((error: unknown) => logger.warn('pruning the change feed failed', { error })) }, PRUNE_FEED_MS).unref()
  return {
    async stop() {
      clearInterval(prune)
      rewrap.stop()
      tokens.stop()
      await upkeep.stop()
      await queue.stop()
    },
  }
}

/** The book of rate limits is read before the first request, and whenever the feed says so. */
const followQuotas = async (quotas: Quotas, freshness: Freshness, logger: WorkerContext['logger']): Promise<void> => {
  const reload = (): void => void quotas.reload().catch((error: unknown) => logger.warn('reading the quotas failed; the former ones hold', { error }))
  freshness.observe({ apply: (seen) => { if (seen.some(({ kind }) => kind === QUOTAS_CHANGED)) reload() }, clear: reload })
  await quotas.reload()
}

type Prepares = Pick<Platform, 'rest' | 'flat' | 'vault' | 'grpc' | 'refusers' | 'vaultBackend'>

/** Every operation of every door, prepared once. */
const prepareDoors = (ports: PipelinePorts, { operations, vaultDirectory }: ReturnType<typeof makeDomain>, version: string): Prepares => {
  const runners = (implemented: readonly Implemented[], form: DoorForm): ReadonlyMap<string, Runner> => new Map(implemented.map((each) => [each.operation.id, prepare(ports, each, form)]))
  const prepared = (implemented: readonly Implemented[]): readonly Prepared[] => implemented.map((each) => ({ operation: each.operation, run: prepare(ports, each, vaultForm) }))
  return {
    rest: runners(operations.rest, plainForm(false)),
    flat: runners(operations.flat, plainForm(false)),
    vault: runners(operations.vault, vaultForm),
    grpc: runners(operations.grpc, grpcForm),
    refusers: { native: prepareRefuser(ports, unresolvedRequest, plainForm(false)), grpc: prepareRefuser(ports, unresolvedRequest, grpcForm) },
    vaultBackend: {
      ...vaultDirectory,
      refuse: prepareRefuser(ports, unresolvedRequest, vaultForm),
      limits: ports.limits,
      fixed: prepared(operations.vaultFixed),
      unknown: prepared(operations.unknownPath)[0],
      help: prepared(operations.help)[0],
      version,
      wrapper: operations.wrapper === undefined ? undefined : prepared([operations.wrapper])[0],
      engines: new Map([...operations.engines].map(([type, implemented]) => [type, prepared(implemented)])),
    },
  }
}

const following = (kind: string, changed: () => void): { apply(seen: readonly { readonly kind: string }[]): void; clear(): void } => ({ apply: (seen) => { if (seen.some((each) => each.kind === kind)) changed() }, clear: changed })

/** Headers that only the general way looks at, while somebody wants that. */
const leavesOf = ({ cors, auditedHeaders }: ServerSettings, isDetailed: boolean): readonly string[] | undefined => {
  const names = [...(cors === undefined ? [] : ['origin']), ...(isDetailed ? Object.keys(auditedHeaders) : [])]
  return names.length === 0 ? undefined : names
}

export const openPlatform = async ({ context, pools, rootKey, generation, deliveries, log, engines = catalogue, flights = new Flights(() => systemClock.wall()) }: PlatformOptions): Promise<Platform> => {
  const { config, logger, metrics } = context
  const keyring = await Keyring.open({ database: pools.app, rootKey, generation, onKekRotated: (orgId) => logger.info('a key-encryption key was rotated', { orgId }) })
  const rootOrgId = await rootOrganization(pools)
  const freshness = openFreshness(context, pools)
  const caches = makeCaches(freshness, { bytes: config.cache.bytes, dekSeconds: config.cache.dekSeconds })
  exposeFreshness(metrics, freshness, caches.all)
  const changes = new ChangeHub()
  freshness.observe({ apply: (seen) => seen.forEach(({ kind, orgId }) => { if (kind === 'keys') keyring.forget(orgId) }), clear: () => keyring.forgetAll() })
  freshness.observe(changes)
  let organizations = 0
  freshness.observe(following('organization', () => { organizations += 1 }))
  await freshness.start()
  const late: DeviceSources['late'] = {}
  const settings = new LiveSettings({ pools, keyring, rootOrgId, logger })
  await settings.refresh().catch(() => settings.changed())
  const journal = await openJournal({ context, pools, keyring, rootOrgId, settings, late }, await keyring.organization(rootOrgId))
  freshness.observe(following(DEVICES_CHANGED, () => journal.devices.changed()))
  freshness.observe(following(SETTINGS_CHANGED, () => settings.changed()))
  await recordUnseal(journal, rootOrgId, freshness.databaseNow())
  const domain = makeDomain({ context, pools, keyring, freshness, caches, journal, settings, flights, rootOrgId, clock: systemClock, deliveries, engines })
  await followQuotas(domain.quotas, freshness, logger)
  const observe = observer(metrics.histogram('coffer_request_seconds', 'Time from a request to its answer, audit included.', ['operation', 'status']))
  const now = (): number => freshness.databaseNow()
  const warm = new WarmReads({
    tokens: domain.tokens,
    registry: (orgId) => caches.registries.peek(orgId),
    organizations: () => organizations,
    secrets: domain.warmSecrets,
    pieces: { actor: actorPiece, target: targetPiece, assemble: assembleRecord, assembleAll: assembleRecords },
    journal, log, limits: domain.quotas.book, now, observe,
  })
  late.namespaceOf = domain.vaultDirectory.namespaceOf
  const consider = (): void => { warm.leaves = leavesOf(settings.current, journal.detail !== undefined) }
  late.onDetail = () => (warm.forget(), consider())
  settings.onChange = consider
  consider()
  exposeWarmReads(metrics, warm)
  const committed: PipelinePorts['courier']['committed'] = (noted) => {
    freshness.applyLocal(noted)
    freshness.poke()
  }
  const courier = { committed, confirm: (xid: string) => freshness.confirm(xid), now }
  const maintenance = startMaintenance({ keyring, freshness, pools, logger, leases: domain.leases, oidc: domain.oidc })
  return {
    ...prepareDoors({ plans: warm, admit: makeAdmission(roomsFor(config.database.poolSize)), tokens: domain.tokens, organizations: domain.directory, journal, courier, log, limits: domain.quotas.book, observe }, domain, context.version),
    warm,
    settings,
    reopen: () => journal.devices.reopen(),
    changes,
    replaceRoot: (key, generation) => keyring.replaceRoot(key, generation),
    isReady: () => freshness.state().leaseUsable && journal.available,
    async close() {
      await maintenance.stop()
      await freshness.close()
      await journal.close()
      keyring.close()
    },
  }
}
