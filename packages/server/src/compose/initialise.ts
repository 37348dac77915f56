// The first transaction of an installation: the organization `root`, its keys, its default project and the first token.

import { makeUuidV7 } from '../crypto/random.ts'
import { reveal } from '../crypto/secret.ts'
import { writtenRecordOf } from '../services/audit/records.ts'
import { insertRecord } from '../kernel/audited-write.ts'
import { eventTypeOf, type AuditEvent } from '../kernel/audit.ts'
import { systemClock } from '../lib/clock.ts'
import { DEFAULT_PROJECT } from '../kernel/tenancy.ts'
import { createOrganizationKeys } from '../keyring/lifecycle.ts'
import { insert } from '../services/identity/tokens.ts'
import { insertOrganization } from '../services/tenancy/repository.ts'
import { insertProject } from '../services/tenancy/service.ts'
import { rootTokenCommand } from './vault/operator.ts'
import type { InitialisePlatform } from '../supervisor/seal-keeper.ts'

export const ROOT_SHORT_ID = 'root'

export const initialisePlatform: InitialisePlatform = async (tx, { root, rootOrgId }, options) => {
  const at = Math.trunc(systemClock.wall())
  await tx.query("select set_config('coffer.org', $1, true)", [rootOrgId])
  const keys = await createOrganizationKeys(tx, root, rootOrgId, { platform: true })
  const rowKey = keys.purpose('rows')
  await insertOrganization(tx, { orgId: rootOrgId, parentId: undefined, slug: 'root', shortId: ROOT_SHORT_ID, name: 'root', state: 'active', homeRegion: undefined, epoch: 1, createdAt: at }, rowKey)
  await insertProject(tx, rootOrgId, { name: DEFAULT_PROJECT, description: 'The default project', at }, rowKey)
  const issued = await insert(keys, tx, { orgId: rootOrgId, shortId: undefined }, rootTokenCommand, { at, ...(options.rootToken === undefined ? {} : { text: options.rootToken }) })
  await insertRecord(tx, rootOrgId, initialised(rootOrgId, at))
  return { rootToken: reveal(issued.token, 'the first token, for whoever initialised the server') }
}

const initialised = (orgId: string, at: number): Parameters<typeof insertRecord>[2] => {
  const event: AuditEvent = { id: makeUuidV7(at), at, orgId, eventType: eventTypeOf('system.init'), action: 'system.init', actorType: 'anonymous', requestId: `req_${makeUuidV7(at)}`, door: 'supervisor', decision: 'ALLOW', status: 200 }
  return writtenRecordOf(event)
}
