// Secrets engines of an organization: mounted at a path, tuned, moved, and disabled. What a disabled mount held stays in
// the database, unreachable, until retention ends it; a new mount at its path is another mount.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { parsePath } from '../../kernel/path.ts'
import { isUniqueViolation } from '../../kernel/storage.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import { SYSTEM_MAX_TTL_SECONDS } from './auth-mounts.ts'
import * as repository from './repository.ts'
import { registryOf, type TenancyPorts } from './service.ts'

export interface MountPorts extends TenancyPorts {
  knows(type: string): boolean
  /** Whether an organization of this slug lies below: its paths would be the mount's. */
  hasChild(orgId: string, slug: string): Promise<boolean>
}

export interface MountConfig {
  readonly defaultLeaseTtl?: number
  readonly maxLeaseTtl?: number
  readonly listingVisibility?: string
  /** What is kept for clients to read again. */
  readonly [setting: string]: unknown
}

export interface MountCommand {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly options: Readonly<Record<string, string>>
  readonly config: MountConfig
}

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/
const RESERVED: ReadonlySet<string> = new Set(['sys', 'auth', 'identity', 'cubbyhole', 'v1', 'api', 'root', 'audit'])

/** @throws invalid_request for a path that a door needs for itself or that cannot be a path's beginning */
const checkPath = async (ports: MountPorts, orgId: string, text: string): Promise<string> => {
  const { segments } = parsePath(text)
  const path = segments.join('/')
  const [first = ''] = segments
  if (segments.length > 8 || !segments.every((segment) => SEGMENT.test(segment))) throw fail('invalid_request', 'mount.bad_path', `the mount path ${JSON.stringify(path.slice(0, 200))} has characters or a length that a mount path cannot have`, { field: 'path' })
  if (RESERVED.has(first.toLowerCase()) || (ports.flatSecrets && path === 'secrets')) throw fail('invalid_request', 'mount.reserved', `cannot mount "${path}/"`, { field: 'path' })
  if (await ports.hasChild(orgId, first)) throw fail('invalid_request', 'mount.taken', `path is already in use at ${first}/`, { field: 'path' })
  return path
}

const taken = (path: string, cause?: unknown): Error => fail('invalid_request', 'mount.taken', `path is already in use at ${path}/`, { field: 'path', cause })

const requireFree = (registry: OrgRegistry, path: string, except?: string): void => {
  const existing = registry.mounts.find((mount) => mount.class === 'secret' && mount.mountId !== except && (`${mount.path}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${mount.path}/`)))
  if (existing !== undefined) throw taken(existing.path)
}

const checkTtls = ({ defaultLeaseTtl = 0, maxLeaseTtl = 0 }: MountConfig): void => {
  if (maxLeaseTtl > 0 && defaultLeaseTtl > maxLeaseTtl) throw fail('invalid_request', 'mount.ttl', 'given default lease TTL greater than given max lease TTL', { field: 'default_lease_ttl' })
  if (maxLeaseTtl === 0 && defaultLeaseTtl > SYSTEM_MAX_TTL_SECONDS) throw fail('invalid_request', 'mount.ttl', `given default lease TTL greater than system max lease TTL of ${SYSTEM_MAX_TTL_SECONDS}`, { field: 'default_lease_ttl' })
}

/** In Vault's words for a mount that exists. */
const checkTuned = (config: MountConfig): void => {
  const { defaultLeaseTtl = 0, maxLeaseTtl = 0 } = config
  if (maxLeaseTtl > 0 && defaultLeaseTtl > maxLeaseTtl) throw fail('invalid_request', 'mount.ttl', `backend max lease TTL of ${maxLeaseTtl} would be less than backend default lease TTL of ${defaultLeaseTtl}`, { field: 'default_lease_ttl' })
  checkTtls(config)
}

const write = async <T>(ports: MountPorts, call: Call, path: string, work: Parameters<typeof auditedWrite<T>>[3]): Promise<T> => {
  try {
    return await auditedWrite(ports.database, call, { confirm: true }, work)
  } catch (error) {
    if (isUniqueViolation(error)) throw taken(path, error)
    throw error
  }
}

export const enable = async (ports: MountPorts, _grant: Grant, call: Call, command: MountCommand): Promise<Mount> => {
  const path = await checkPath(ports, call.orgId, command.path)
  if (!ports.knows(command.type)) throw fail('invalid_request', 'mount.type', `plugin not found in the catalog: ${command.type.slice(0, 64)}`, { field: 'type' })
  checkTtls(command.config)
  requireFree(await registryOf(ports, call.orgId), path)
  const keys = await ports.keys(call.orgId)
  const at = Math.trunc(call.now())
  const mount: Mount = { mountId: makeUuidV7(at), class: 'secret', path, type: command.type, description: command.description, options: command.options, config: { ...command.config }, createdAt: at, rowVersion: 1 }
  call.audit.resourceId = mount.mountId
  return write(ports, call, path, async (tx, note) => {
    await repository.insertMount(tx, call.orgId, mount, keys.purpose('rows'))
    note('tenancy', '')
    return mount
  })
}

export const disable = async (ports: MountPorts, _grant: Grant, call: Call, mount: Mount): Promise<void> => {
  call.audit.resourceId = mount.mountId
  await write(ports, call, mount.path, async (tx, note) => {
    await repository.dropMount(tx, call.orgId, mount.mountId)
    note('tenancy', '')
  })
}

/** A mount as long as anything of it is left, also after it was disabled. */
export const findEver = async (ports: TenancyPorts, orgId: string, mountId: string): Promise<Mount | undefined> => {
  const live = (await registryOf(ports, orgId)).mountById(mountId)
  if (live !== undefined) return live
  const keys = await ports.keys(orgId)
  return ports.database.transaction(orgId, (tx) => repository.findMount(tx, orgId, mountId, keys.purposeVersions('rows')), { readOnly: true })
}

/** What of a mount changes; absent stays. */
export interface MountChange {
  readonly path?: string | undefined
  readonly description?: string | undefined
  readonly options?: Readonly<Record<string, string>> | undefined
  readonly config?: Readonly<Record<string, unknown>> | undefined
}

export const change = async (ports: MountPorts, _grant: Grant, call: Call, mount: Mount, wanted: MountChange): Promise<Mount> => {
  const path = wanted.path === undefined ? mount.path : await checkPath(ports, call.orgId, wanted.path)
  if (path !== mount.path) requireFree(await registryOf(ports, call.orgId), path, mount.mountId)
  const config = { ...mount.config, ...wanted.config }
  checkTuned(config)
  const keys = await ports.keys(call.orgId)
  const changed: Mount = { ...mount, path, description: wanted.description ?? mount.description, options: wanted.options ?? mount.options, config, rowVersion: mount.rowVersion + 1 }
  call.audit.resourceId = mount.mountId
  return write(ports, call, path, async (tx, note) => {
    await repository.updateMount(tx, call.orgId, changed, keys.purpose('rows'))
    note('tenancy', '')
    return changed
  })
}
