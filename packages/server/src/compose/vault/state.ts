// Sealed state of the parts of Vault's door that are no mounts: each area is an entry space of its own in every
// organization, under an id that no mount can have.

import type { Entries } from '../../barrier/entries.ts'
import type { SealedState } from '../../kernel/ports/tokens.ts'
import { namesBelow } from '../../kernel/ports/sealed-store.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Database } from '../../kernel/storage.ts'
import { noting, STATE_CHANGED } from '../memory.ts'

/** Not UUIDv7, as ids of mounts are. */
export const areas = Object.freeze({
  tokenRoles: '00000000-0000-0000-0001-000000000001',
  mounts: '00000000-0000-0000-0001-000000000002',
  namespaces: '00000000-0000-0000-0001-000000000004',
  passwordPolicies: '00000000-0000-0000-0001-000000000003',
  leases: '00000000-0000-0000-0001-000000000010',
  quotas: '00000000-0000-0000-0001-000000000011',
  mfa: '00000000-0000-0000-0001-000000000012',
  auditDevices: '00000000-0000-0000-0001-000000000021',
  oidc: '00000000-0000-0000-0001-000000000030',
  serverSettings: '00000000-0000-0000-0001-000000000022',
})

export const sealedState = (database: Database, entries: Entries, mountId: string): SealedState => ({
  mountId,
  get: async (orgId, key) => (await entries.view({ orgId, mountId }).get(key))?.value,
  names: (orgId, prefix) => namesBelow(entries.view({ orgId, mountId }), prefix),
  async put(_grant, call, key, value) {
    await auditedWrite(database, call, {}, (tx) => entries.within(tx).view({ orgId: call.orgId, mountId }).put(key, value))
  },
  async delete(_grant, call, key) {
    await auditedWrite(database, call, {}, (tx) => entries.within(tx).view({ orgId: call.orgId, mountId }).delete(key))
  },
})

/** The same for what workers remember: when a change is answered, none of them has the old. */
export const rememberedState = (database: Database, entries: Entries, mountId: string): SealedState => ({
  ...sealedState(database, entries, mountId),
  async put(_grant, call, key, value) {
    await auditedWrite(database, call, { confirm: true }, async (tx, note) => {
      await entries.within(tx).view({ orgId: call.orgId, mountId }).put(key, value)
      // Also the first time: that there is none is remembered, too.
      note(STATE_CHANGED, `${mountId}/${key}`)
    })
  },
  async delete(_grant, call, key) {
    await auditedWrite(database, call, { confirm: true }, (tx, note) => noting(entries, tx, { orgId: call.orgId, mountId }, note).delete(key))
  },
})
