// Names that failed too often, wired to the sealed entries in which a mount's failures are counted.

import type { Entries } from '../../barrier/entries.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import type { Call } from '../../kernel/call.ts'
import { namesBelow } from '../../kernel/ports/sealed-store.ts'
import type { Database } from '../../kernel/storage.ts'
import type { Mount, OrgRegistry } from '../../kernel/tenancy.ts'
import type { Keyring } from '../../keyring/keyring.ts'
import type { OrgKeys } from '../../keyring/org-keys.ts'
import { hmacIdentifier } from '../../services/audit/records.ts'
import { lockedNames, unlock, type LockedName, type LockoutStore } from '../../services/identity/lockout.ts'
import { lockoutOf } from '../../services/tenancy/auth-mounts.ts'
import type { LockedUsersPort } from '../../system/users/locked-users.ts'
import { putNoted, type Memory, type Place } from '../memory.ts'

export interface LockSources {
  readonly database: Database
  readonly keyring: Keyring
  readonly entries: Entries
  readonly memory: Memory
  namespaceOf(orgId: string): Promise<string>
  registry(orgId: string): Promise<OrgRegistry>
}

/** The entries in which a mount's failed logins are counted. */
export const lockoutStore = ({ database, entries, memory }: Pick<LockSources, 'database' | 'entries' | 'memory'>, call: Pick<Call, 'changed' | 'confirm'>, place: Place): LockoutStore => {
  const view = entries.view(place)
  return {
    get: (key) => view.get(key),
    recall: (key) => memory.entry(place, key, true),
    put: (key, value, cas) => putNoted({ database, entries }, call, place, { key, value, cas }),
    names: (prefix) => namesBelow(view, prefix),
  }
}

/** Where a name's failures are counted: by a hash under a key of the organization, so that nobody outside can aim at a bucket. */
export const lockedName = (keys: OrgKeys, mountId: string, name: string): LockedName => ({ mac: hmacSha256(keys.purpose('audit'), 'coffer/login-name/1\n', mountId, '\n', name).toString('hex'), name })

export const lockedUsers = (sources: LockSources): LockedUsersPort => {
  const storeOf = (call: Call, { mountId }: Mount): LockoutStore => lockoutStore(sources, call, { orgId: call.orgId, mountId })
  return {
    registry: sources.registry,
    namespaceOf: sources.namespaceOf,
    locked: (_grant, call, mount) => lockedNames(storeOf(call, mount), lockoutOf(mount), call.now()),
    async unlock(_grant, call, mount, name) {
      const keys = await sources.keyring.organization(call.orgId)
      await unlock(storeOf(call, mount), lockedName(keys, mount.mountId, name), lockoutOf(mount), call.now())
      call.audit.resourceType = 'auth'
      call.audit.metadata = { ...call.audit.metadata, mount: mount.path, aliasHmac: hmacIdentifier(keys.purpose('audit'), name) }
    },
  }
}
