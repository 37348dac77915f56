// The audit devices: their records in the platform's sealed state, their targets, and the port that sys/audit asks.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Entries } from '../../barrier/entries.ts'
import { homeDirectory } from '../../config/environment.ts'
import type { Config } from '../../config/config.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { reveal } from '../../crypto/secret.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import { collection } from '../../kernel/ports/sealed-store.ts'
import type { Keyring } from '../../keyring/keyring.ts'
import { systemClock } from '../../lib/clock.ts'
import { settingsOf, type Device, type DeviceTarget } from '../../services/audit/devices/device.ts'
import { DeviceLoop } from '../../services/audit/devices/device-loop.ts'
import { DeviceSink } from '../../services/audit/devices/device-sink.ts'
import { Devices } from '../../services/audit/devices/devices.ts'
import { deviceHash, deviceKey, hasher, type Namespace } from '../../services/audit/devices/entries.ts'
import { requirePlace, type FilePlaces } from '../../services/audit/devices/targets/file.ts'
import { targetOf } from '../../services/audit/devices/targets/targets.ts'
import { hmacIdentifier } from '../../services/audit/records.ts'
import type { AuditSpool } from '../../services/audit/spool/spool.ts'
import type { ChainKeys } from '../../services/audit/spool/stream.ts'
import type { WorkerContext } from '../../supervisor/run-worker.ts'
import type { AuditDevicesPort } from '../../system/audit/ports.ts'
import type { Pools } from '../pools.ts'
import type { LiveSettings } from './settings.ts'
import { areas } from './state.ts'

/** What the feed calls a change of them. */
export const DEVICES_CHANGED = 'audit-devices'

const PROBE_MS = 5000

const stored = collection<Device>('device/')

export interface DeviceSources {
  readonly context: WorkerContext
  readonly pools: Pools
  readonly keyring: Keyring
  readonly rootOrgId: string
  readonly settings: Pick<LiveSettings, 'current'>
  /** Filled when the services are there. */
  readonly late: { namespaceOf?: (orgId: string) => Promise<string>; onDetail?: () => void }
}

/** The embedded database may live elsewhere; a file says where. */
const databaseHome = (dataDir: string): readonly string[] => {
  const pointer = join(dataDir, 'database-location')
  return existsSync(pointer) ? [readFileSync(pointer, 'utf8').trim()] : []
}

/** Where this server keeps what nobody else writes into. */
const ownDirectories = ({ dataDir, audit, seal, tls }: Config): readonly string[] => {
  const home = homeDirectory()
  return [dataDir, audit.directory, ...databaseHome(dataDir), ...(seal.keyFile === undefined ? [] : [dirname(seal.keyFile)]), ...(home === undefined ? [] : [join(home, '.coffer')]), ...(tls.key === undefined ? [] : [tls.key])]
}

const placesOf = (config: Config): FilePlaces => ({ allowed: config.audit.deviceDirectories, forbidden: ownDirectories(config) })

const rulesOf = ({ audit }: Config): { readonly allowFilePrefix: boolean } => ({ allowFilePrefix: audit.allowLogPrefixing })

const viewOf = ({ pools, keyring, rootOrgId }: DeviceSources): ReturnType<Entries['view']> => new Entries({ database: pools.app, keys: keyring }).view({ orgId: rootOrgId, mountId: areas.auditDevices })

const loadDevices = async (sources: DeviceSources): Promise<readonly Device[]> => {
  const view = viewOf(sources)
  const found = await Promise.all((await stored.names(view)).map((name) => stored.get(view, name)))
  return found.flatMap((each) => each?.value ?? [])
}

const namespaces = (sources: DeviceSources): ((orgId: string) => Promise<Namespace>) => {
  const known = new Map<string, Namespace>()
  return async (orgId) => {
    if (orgId === sources.rootOrgId) return { id: 'root', path: '' }
    const found = known.get(orgId)
    if (found !== undefined) return found
    const made = { id: orgId, path: (await sources.late.namespaceOf?.(orgId)) ?? '' }
    if (known.size < 10_000) known.set(orgId, made)
    return made
  }
}

/** A worker's devices over its spool. Nothing runs before `refresh`. */
export const makeDevices = (sources: DeviceSources, spool: AuditSpool, keys: ChainKeys): Devices => {
  const { context, keyring, rootOrgId, late } = sources
  const { config, logger } = context
  const namespaceOf = namespaces(sources)
  return new Devices({
    root: config.audit.directory,
    logger,
    load: () => loadDevices(sources),
    onDetail: () => late.onDetail?.(),
    async loopOf(device) {
      const settings = settingsOf(device.type, device.options, { allowFilePrefix: true })
      const target = targetOf(settings.target, placesOf(config))
      const hash = hasher(deviceKey((await keyring.organization(rootOrgId)).purpose('audit'), device.id))
      const sink = new DeviceSink({ device, settings, target, hash, namespaceOf })
      return new DeviceLoop({ device, sink, target, spool, root: config.audit.directory, slot: context.slot, workers: context.workers, keys, clock: systemClock, logger })
    },
  })
}

/** @throws invalid_request when nothing can be written there now */
const probe = async (target: DeviceTarget, config: Config): Promise<void> => {
  const made = targetOf(target, placesOf(config))
  try {
    await made.probe(AbortSignal.timeout(PROBE_MS))
  } catch (error) {
    if (isCofferError(error)) throw error
    const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? ` (${error.code})` : ''
    throw fail('invalid_request', 'audit.unreachable', `The device cannot be written to now${code}. With the option skip_test=true it is enabled all the same.`, { field: 'options', cause: error })
  } finally {
    await made.reopen().catch(() => undefined)
  }
}

const conflicting = (devices: readonly Device[], path: string, target: DeviceTarget): Error | undefined => {
  if (devices.some((each) => each.path === path || each.path.startsWith(`${path}/`) || path.startsWith(`${each.path}/`))) return fail('invalid_request', 'audit.path_in_use', 'path already in use: invalid configuration', { field: 'path' })
  const isSameFile = (each: Device): boolean => target.kind === 'file' && (each.options['file_path'] ?? each.options['path']) === target.path
  return devices.some(isSameFile) ? fail('invalid_request', 'audit.file_in_use', 'file_path already in use: invalid configuration', { field: 'options.file_path' }) : undefined
}

// A path has slashes, which are folders to the entries below.
const entryName = (path: string): string => Buffer.from(path, 'utf8').toString('base64url')

export const makeDevicesPort = (sources: DeviceSources, devices: Pick<Devices, 'refresh'>): AuditDevicesPort => {
  const { pools, keyring, rootOrgId, context: { config } } = sources
  const entries = new Entries({ database: pools.app, keys: keyring })
  return {
    list: () => loadDevices(sources),
    async enable(_grant, call, { path, type, description, options, local }) {
      const settings = settingsOf(type, options, rulesOf(config))
      const conflict = conflicting(await loadDevices(sources), path, settings.target)
      if (conflict !== undefined) throw conflict
      if (settings.target.kind === 'file') await requirePlace({ ...settings.target, ...placesOf(config) })
      if (!settings.skipTest) await probe(settings.target, config)
      const device: Device = { id: makeUuidV7(), path, type, description, options, local, enabledAt: Math.trunc(call.now()) }
      await auditedWrite(pools.app, call, { confirm: true }, async (tx, note) => {
        await stored.put(entries.within(tx).view({ orgId: rootOrgId, mountId: areas.auditDevices }), entryName(path), device, { cas: 0 })
        note(DEVICES_CHANGED, path)
      })
      await devices.refresh()
    },
    async disable(_grant, call, path) {
      await auditedWrite(pools.app, call, { confirm: true }, async (tx, note) => {
        await stored.delete(entries.within(tx).view({ orgId: rootOrgId, mountId: areas.auditDevices }), entryName(path))
        note(DEVICES_CHANGED, path)
      })
      await devices.refresh()
    },
    async hash(orgId, path, input) {
      const known = hmacIdentifier((await keyring.organization(orgId)).purpose('audit'), reveal(input, 'to be hashed as audit records hash it'))
      if (path === 'journal') return known
      const device = orgId === rootOrgId ? (await loadDevices(sources)).find((each) => each.path === path) : undefined
      return device === undefined ? undefined : deviceHash(deviceKey((await keyring.organization(rootOrgId)).purpose('audit'), device.id), known)
    },
  }
}
