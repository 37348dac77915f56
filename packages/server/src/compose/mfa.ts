// Second steps of logins wired to the core: their sealed area, of which workers remember what every login reads.

import type { Entries } from '../barrier/entries.ts'
import { makeUuidV4 } from '../crypto/random.ts'
import { auditedWrite } from '../kernel/audited-write.ts'
import { fail } from '../kernel/errors.ts'
import type { Database } from '../kernel/storage.ts'
import type { OrgRegistry } from '../kernel/tenancy.ts'
import type { MfaParts } from '../engines/identity/mfa/index.ts'
import { mint, type LoginPorts } from '../services/identity/logins/login.ts'
import { ENFORCEMENTS } from '../services/identity/mfa/records.ts'
import { makeMfa, type MfaPorts } from '../services/identity/mfa/service.ts'
import { limitsOf } from '../services/tenancy/auth-mounts.ts'
import { STATE_CHANGED, uidOf, type Memory } from './memory.ts'
import { areas } from './vault/state.ts'

export interface MfaSources {
  readonly database: Database
  readonly entries: Entries
  readonly memory: Memory
  readonly logins: LoginPorts
  registry(orgId: string): Promise<OrgRegistry>
}

export const mfaPorts = ({ database, entries, memory, logins, registry }: MfaSources): MfaPorts => {
  const placeOf = (orgId: string) => ({ orgId, mountId: areas.mfa })
  return {
    remembered: `${areas.mfa}/${ENFORCEMENTS}`,
    store: (orgId) => ({ ...entries.view(placeOf(orgId)), recall: (key) => memory.entry(placeOf(orgId), key, true) }),
    change: (call, remembered, work) => auditedWrite(database, call, { confirm: remembered.length > 0 }, async (tx, note) => {
      for (const key of remembered) note(STATE_CHANGED, `${areas.mfa}/${key}`)
      return work(entries.within(tx).view(placeOf(call.orgId)))
    }),
    hasEntity: async (orgId, entityId) => /^[0-9a-f-]{36}$/.test(entityId) && (await logins.batch.grants(orgId, entityId)) !== undefined,
    async recordVersion(orgId, mountId, role) {
      const found = role === undefined ? undefined : await entries.view({ orgId, mountId }).get(role.key)
      return found !== undefined && uidOf(found.value) === role?.uid ? found.version : undefined
    },
    async finish(call, login) {
      const mount = (await registry(call.orgId)).mountById(login.mountId)
      if (mount === undefined) throw fail('permission_denied', 'mfa.no_request', 'invalid request ID')
      return { ...(await mint(logins, call, { mount, verdict: login.verdict, limits: limitsOf(mount), issuePath: login.issuePath, secondStepOf: login.entityId })) }
    },
  }
}

export const mfaParts = (ports: MfaPorts): MfaParts => ({ ...makeMfa(ports), makeId: makeUuidV4 })
