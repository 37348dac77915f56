// What logins and batch tokens read again and again, as this worker remembers it while the feed says that nothing of it
// changed: roles and secret ids, aliases, and what principals are granted.

import type { Entries } from '../barrier/entries.ts'
import { insertChange } from '../kernel/audited-write.ts'
import type { Call } from '../kernel/call.ts'
import type { RoleMark } from '../kernel/identity.ts'
import type { Database, Transaction } from '../kernel/storage.ts'
import type { SealedEntry, SealedView } from '../kernel/ports/sealed-store.ts'
import type { KnownAlias } from '../services/identity/aliases.ts'
import type { BatchPorts } from '../services/identity/batch.ts'
import { fillingMounts } from '../services/identity/groups/repository.ts'
import type { LoginWriter } from '../services/identity/logins/writing.ts'
import { gatheredGrants } from '../services/identity/token-repository.ts'
import type { TokenKeys } from '../services/identity/tokens.ts'
import type { Caches } from './caches.ts'

/** What the feed calls a change of a sealed entry that is remembered; the key is `<mount id>/<key>`. */
export const STATE_CHANGED = 'state'

export interface MemoryParts {
  readonly database: Database
  readonly entries: Entries
  readonly writer: Pick<LoginWriter, 'alias'>
  readonly caches: Pick<Caches, 'entries' | 'principals' | 'aliases' | 'filling'>
  keys(orgId: string): Promise<TokenKeys>
  now(): number
}

export interface Place {
  readonly orgId: string
  readonly mountId: string
}

export interface Memory extends BatchPorts {
  /** An entry of a space whose writes are noted. With `isAbsenceKept` also that there is none, for those whose first writing is noted, too. */
  entry(place: Place, key: string, isAbsenceKept?: boolean): Promise<SealedEntry | undefined>
  alias(orgId: string, mountId: string, name: string): Promise<KnownAlias | undefined>
  /** Whether any group is filled by what logins of the mount say. */
  fillsGroups(orgId: string, mountId: string): Promise<boolean>
}

const ENTRY_BYTES = 4096
const GRANTS_BYTES = 2048
const ALIAS_BYTES = 1024

export const uidOf = (value: unknown): unknown => (value !== null && typeof value === 'object' && 'uid' in value ? value.uid : undefined)

export const makeMemory = ({ database, entries, writer, caches, keys, now }: MemoryParts): Memory => {
  const grantsOf = gatheredGrants(database)
  const entry: Memory['entry'] = async ({ orgId, mountId }, key, isAbsenceKept = false) => {
    const load = async () => ({ value: (await entries.view({ orgId, mountId }).get(key)) ?? null, bytes: ENTRY_BYTES, tags: [`org:${orgId}`] })
    const found = await caches.entries.getOrLoad(orgId, `${orgId}/${mountId}/${key}`, async () => {
      const loaded = await load()
      return loaded.value === null && !isAbsenceKept ? { ...loaded, maxAgeMs: 0 } : loaded
    })
    return found ?? undefined
  }
  return {
    entry,
    now,
    isRole: async (orgId: string, { mountId, key, uid }: RoleMark) => uidOf((await entry({ orgId, mountId }, key))?.value) === uid,
    async grants(orgId, principalId) {
      const found = await caches.principals.getOrLoad(orgId, principalId, async () => {
        const value = (await grantsOf(orgId, principalId, (await keys(orgId)).purposeVersions('rows'))) ?? null
        return { value, bytes: GRANTS_BYTES, tags: [`org:${orgId}`], ...(value === null ? { maxAgeMs: 0 } : {}) }
      })
      return found ?? undefined
    },
    async alias(orgId, mountId, name) {
      const found = await caches.aliases.getOrLoad(orgId, `${mountId}/${name}`, async () => {
        const value = (await writer.alias(orgId, await keys(orgId), { mountId, name })) ?? null
        return value === null ? { value, bytes: 64, maxAgeMs: 0 } : { value, bytes: ALIAS_BYTES, tags: [`org:${orgId}`, `alias:${value.aliasId}`] }
      })
      return found ?? undefined
    },
    async fillsGroups(orgId, mountId) {
      const filling = await caches.filling.getOrLoad(orgId, orgId, async () => {
        const value = await database.transaction(orgId, (tx) => fillingMounts(tx, orgId), { readOnly: true })
        return { value, bytes: ALIAS_BYTES + 64 * value.size, tags: [`org:${orgId}`] }
      })
      return filling.has(mountId)
    },
  }
}

/** A view inside a transaction that says which remembered entries it replaced or deleted. New ones nobody remembers. */
export const noting = (entries: Entries, tx: Transaction, place: Place, note: (kind: string, key: string) => void): SealedView => {
  const view = entries.within(tx).view(place)
  const noted = (key: string): void => note(STATE_CHANGED, `${place.mountId}/${key}`)
  return {
    ...view,
    async put(key, value, options) {
      const version = await view.put(key, value, options)
      if (version > 1) noted(key)
      return version
    },
    async delete(key, options) {
      const isGone = await view.delete(key, options)
      if (isGone) noted(key)
      return isGone
    },
  }
}

/** Replaces an entry whose absence is remembered, too; when this returns no worker has the one before. */
export const putNoted = async (parts: Pick<MemoryParts, 'database' | 'entries'>, call: Pick<Call, 'changed' | 'confirm'>, place: Place, written: { readonly key: string; readonly value: SealedEntry['value']; readonly cas: number }): Promise<number> => {
  const { key, value, cas } = written
  const change = { orgId: place.orgId, kind: STATE_CHANGED, key: `${place.mountId}/${key}` }
  const { version, xid } = await parts.database.transaction(place.orgId, async (tx) => ({ version: await parts.entries.within(tx).view(place).put(key, value, { cas }), xid: await insertChange(tx, change) }))
  call.changed([change])
  await call.confirm(xid)
  return version
}
