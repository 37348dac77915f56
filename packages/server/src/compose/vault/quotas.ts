// Quotas wired together: where they are kept, and the book of rate limits that this worker asks for each request. A change
// anywhere reaches it with the feed.

import type { Entries } from '../../barrier/entries.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { OrgRegistry } from '../../kernel/tenancy.ts'
import type { JsonValue } from '../../lib/json.ts'
import { defaultConfig, QuotaBook, type OrganizationQuotas, type QuotaConfig } from '../../services/quotas/book.ts'
import * as store from '../../services/quotas/store.ts'
import type { QuotasPort } from '../../system/quotas/port.ts'
import type { DomainParts } from '../domain.ts'
import { areas } from './state.ts'

export interface QuotaSources {
  readonly parts: DomainParts
  readonly entries: Entries
  registry(orgId: string): Promise<OrgRegistry>
  /** As clients name an organization from root: empty, or ending with a slash. */
  namespaceOf(orgId: string): Promise<string>
}

export interface Quotas {
  readonly book: QuotaBook
  readonly port: QuotasPort
  /** Reads everything anew. One reading at a time; whoever asks meanwhile waits for the next. */
  reload(): Promise<void>
}

const KEY = 'config'

const readConfig = (stored: JsonValue | undefined): QuotaConfig =>
  // Written by configure of this or an older version: fields have these types.
  stored === undefined ? defaultConfig : { ...defaultConfig, ...(stored as unknown as Partial<QuotaConfig>) }

export const makeQuotas = ({ parts, entries, registry, namespaceOf }: QuotaSources): Quotas => {
  const { pools, keyring, rootOrgId, clock, context } = parts
  const ports: store.QuotaPorts = { database: pools.app, keys: (orgId) => keyring.organization(orgId) }
  const book = new QuotaBook({ rootOrgId, workers: context.workers, now: () => clock.monotonic() })
  const place = { orgId: rootOrgId, mountId: areas.quotas }
  const quotasOf = async (orgId: string): Promise<OrganizationQuotas> => ({ orgId, namespace: await namespaceOf(orgId), quotas: await store.list(ports, orgId, 'rate-limit') })
  const load = async (): Promise<void> => {
    const config = readConfig((await entries.view(place).get(KEY))?.value)
    const organizations: OrganizationQuotas[] = []
    for (const orgId of await store.limitedOrganizations(pools.jobs)) {
      try {
        organizations.push(await quotasOf(orgId))
      } catch (error) {
        // An organization that was shredded, or whose rows were altered, is not limited; the others are.
        context.logger.error('quotas cannot be read', { orgId, error })
      }
    }
    book.replace(config, organizations)
  }
  let loading: Promise<void> = Promise.resolve()
  let next: Promise<void> | undefined
  const reload = (): Promise<void> => {
    next ??= loading.catch(() => undefined).then(() => {
      next = undefined
      return (loading = load())
    })
    return next
  }
  const port: QuotasPort = {
    registry,
    list: (call, type) => store.list(ports, call.orgId, type),
    find: (call, type, name) => store.find(ports, call.orgId, type, name),
    async put(grant, call, command) {
      await store.put(ports, grant, call, command)
      await reload()
    },
    async remove(grant, call, type, name) {
      await store.remove(ports, grant, call, type, name)
      await reload()
    },
    config: () => book.config,
    async configure(_grant, call, config) {
      await auditedWrite(pools.app, call, {}, async (tx, note) => {
        await entries.within(tx).view(place).put(KEY, { ...config, exemptPaths: [...config.exemptPaths], absoluteExemptPaths: [...config.absoluteExemptPaths] })
        note(store.QUOTAS_CHANGED, '')
      })
      await reload()
    },
  }
  return { book, port, reload }
}
