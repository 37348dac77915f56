// Auth methods of an organization: enabled at a path, tuned, and disabled with everything that they stored and every token
// that they gave.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { MountLimits } from '../../kernel/auth/method.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import { parsePath } from '../../kernel/path.ts'
import { isUniqueViolation, type Transaction } from '../../kernel/storage.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import * as repository from './repository.ts'
import { registryOf, type TenancyPorts } from './service.ts'

/** 768 hours, as Vault has it: the longest life that anything gets unless a mount says less. */
export const SYSTEM_MAX_TTL_SECONDS = 2_764_800

export interface AuthMountPorts extends TenancyPorts {
  knows(type: string): boolean
  /** Deletes what a mount stored. */
  clear(orgId: string, mountId: string): Promise<number>
}

/** What a mount's config may hold, by its names in storage. */
export interface AuthMountConfig {
  readonly defaultLeaseTtl?: number
  readonly maxLeaseTtl?: number
  readonly tokenType?: string
  readonly listingVisibility?: string
  readonly lockoutThreshold?: number
  readonly lockoutDuration?: number
  readonly lockoutCounterReset?: number
  readonly lockoutDisable?: boolean
}

export const configOf = (mount: Mount): AuthMountConfig => mount.config

const positive = (value: number | undefined, fallback: number): number => (value === undefined || value <= 0 ? fallback : value)

export const limitsOf = (mount: Mount): MountLimits => {
  const config = configOf(mount)
  const maxTtlSeconds = positive(config.maxLeaseTtl, SYSTEM_MAX_TTL_SECONDS)
  return { defaultTtlSeconds: Math.min(positive(config.defaultLeaseTtl, SYSTEM_MAX_TTL_SECONDS), maxTtlSeconds), maxTtlSeconds }
}

export interface LockoutSettings {
  readonly disabled: boolean
  readonly threshold: number
  readonly durationSeconds: number
  readonly resetSeconds: number
}

export const lockoutOf = (mount: Mount): LockoutSettings => {
  const config = configOf(mount)
  return { disabled: config.lockoutDisable ?? false, threshold: positive(config.lockoutThreshold, 5), durationSeconds: positive(config.lockoutDuration, 900), resetSeconds: positive(config.lockoutCounterReset, 900) }
}

const checkPath = (path: string): string => {
  const { segments } = parsePath(path)
  const clean = segments.join('/')
  if (segments[0] === 'token') throw fail('invalid_request', 'auth_mount.exists', `path is already in use at ${clean}/`, { field: 'path' })
  return clean
}

const overlapping = (registry: OrgRegistry, path: string): Mount | undefined =>
  registry.mounts.find((mount) => mount.class === 'auth' && (`${mount.path}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${mount.path}/`)))

export interface EnableCommand {
  readonly path: string
  readonly type: string
  readonly description: string
  readonly config: AuthMountConfig
  readonly options: Readonly<Record<string, string>>
}

/** @throws invalid_request when a default would be longer than the maximum */
export const checkTtls = ({ defaultLeaseTtl = 0, maxLeaseTtl = 0 }: AuthMountConfig): void => {
  if (maxLeaseTtl > 0 && defaultLeaseTtl > maxLeaseTtl) throw fail('invalid_request', 'auth_mount.ttl', 'given default lease TTL greater than given max lease TTL', { field: 'default_lease_ttl' })
  if (defaultLeaseTtl > SYSTEM_MAX_TTL_SECONDS && maxLeaseTtl === 0) throw fail('invalid_request', 'auth_mount.ttl', `given default lease TTL greater than system max lease TTL of ${SYSTEM_MAX_TTL_SECONDS}`, { field: 'default_lease_ttl' })
}

/** @throws invalid_request for a path that is taken and a type that there is not */
export const enable = async (ports: AuthMountPorts, _grant: Grant, call: Call, command: EnableCommand): Promise<Mount> => {
  const path = checkPath(command.path)
  if (!ports.knows(command.type)) throw fail('invalid_request', 'auth_mount.type', `plugin not found in the catalog: ${command.type.slice(0, 64)}`, { field: 'type' })
  checkTtls(command.config)
  const existing = overlapping(await registryOf(ports, call.orgId), path)
  if (existing !== undefined) throw fail('invalid_request', 'auth_mount.exists', `path is already in use at ${existing.path}/`, { field: 'path' })
  const keys = await ports.keys(call.orgId)
  const at = Math.trunc(call.now())
  const mount: Mount = { mountId: makeUuidV7(at), class: 'auth', path, type: command.type, description: command.description, options: command.options, config: { ...command.config }, createdAt: at, rowVersion: 1 }
  call.audit.resourceId = mount.mountId
  try {
    await auditedWrite(ports.database, call, {}, async (tx, note) => {
      await repository.insertMount(tx, call.orgId, mount, keys.purpose('rows'))
      note('tenancy', '')
    })
    return mount
  } catch (error) {
    if (isUniqueViolation(error)) throw fail('invalid_request', 'auth_mount.exists', `path is already in use at ${path}/`, { field: 'path', cause: error })
    throw error
  }
}

/** Logins that are being written are over when this returns; others are refused once the transaction is. */
const hold = async (tx: Transaction, { mountId }: Mount): Promise<void> => {
  await tx.query('select coffer.auth_mount_hold($1)', [mountId])
}

/** The tokens that the mount gave, with all made from them. */
const endTokens = async (tx: Transaction, call: Call, mount: Mount): Promise<void> => {
  const gone = await tx.query(
    `select coffer.token_revoke($1, array(
       select token_id from coffer.tokens where org_id = $1 and principal_id in (select principal_id from coffer.principal_aliases where org_id = $1 and mount_id = $2) and starts_with(issue_path, $3)))`,
    [call.orgId, mount.mountId, `auth/${mount.path}/`])
  call.audit.metadata = { ...call.audit.metadata, revoked: gone.count }
}

/** Ends the mount, its tokens and what was made from them; when this returns no worker takes any. What it stored is deleted then. */
export const disable = async (ports: AuthMountPorts, _grant: Grant, call: Call, mount: Mount): Promise<void> => {
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    await hold(tx, mount)
    await tx.query('update coffer.mounts set deleted_at = now() where org_id = $1 and mount_id = $2', [call.orgId, mount.mountId])
    await endTokens(tx, call, mount)
    await tx.query('delete from coffer.principal_aliases where org_id = $1 and mount_id = $2', [call.orgId, mount.mountId])
    // Whom the issuer had put into groups, nobody speaks for any more.
    await tx.query('delete from coffer.group_members where org_id = $1 and group_id in (select group_id from coffer.group_aliases where org_id = $1 and mount_id = $2)', [call.orgId, mount.mountId])
    await tx.query('delete from coffer.group_aliases where org_id = $1 and mount_id = $2', [call.orgId, mount.mountId])
    // Everything that workers have compiled for the organization goes, so that no token needs a row of its own in the feed.
    note('grants', '')
    note('tenancy', '')
  })
  await ports.clear(call.orgId, mount.mountId)
}

/** To another path. As in Vault, the tokens of the old one end: policies and leases know them by where they were made. */
export const move = async (ports: TenancyPorts, _grant: Grant, call: Call, mount: Mount, wanted: string): Promise<void> => {
  const path = checkPath(wanted)
  const existing = (await registryOf(ports, call.orgId)).mounts.find((other) => other.class === 'auth' && other.mountId !== mount.mountId && (`${other.path}/`.startsWith(`${path}/`) || `${path}/`.startsWith(`${other.path}/`)))
  if (existing !== undefined) throw fail('invalid_request', 'auth_mount.exists', `path already in use at "auth/${existing.path}/"`, { field: 'to' })
  const keys = await ports.keys(call.orgId)
  call.audit.resourceId = mount.mountId
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    await hold(tx, mount)
    await repository.updateMount(tx, call.orgId, { ...mount, path, rowVersion: mount.rowVersion + 1 }, keys.purpose('rows'))
    await endTokens(tx, call, mount)
    note('grants', '')
    note('tenancy', '')
  })
}

export interface TuneCommand {
  readonly description?: string | undefined
  readonly config: AuthMountConfig
}

/** Shorter lives, another kind of token, a stricter lock-out: when this returns no worker gives what it was before. */
export const tune = async (ports: AuthMountPorts, _grant: Grant, call: Call, mount: Mount, command: TuneCommand): Promise<Mount> => {
  const config = { ...configOf(mount), ...command.config }
  checkTtls(config)
  const keys = await ports.keys(call.orgId)
  const changed: Mount = { ...mount, description: command.description ?? mount.description, config, rowVersion: mount.rowVersion + 1 }
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    await repository.updateMount(tx, call.orgId, changed, keys.purpose('rows'))
    note('tenancy', '')
  })
  return changed
}
