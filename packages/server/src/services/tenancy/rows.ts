// Row MACs of organizations (under root's row key), mounts and environments (under the organization's own).

import { equalTags } from '../../crypto/compare.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { macRow } from '../../crypto/mac.ts'
import { fail } from '../../kernel/errors.ts'
import type { Environment, Mount, Organization } from '../../kernel/tenancy.ts'

export interface VersionedKey {
  readonly key: HmacKey
}

export const macOrganization = (key: HmacKey, org: Organization, rowVersion: number): Buffer =>
  macRow(key, 'organizations', org.orgId, rowVersion, [org.parentId ?? null, org.slug, org.shortId, org.state, org.homeRegion ?? null, org.epoch])

export const macMount = (key: HmacKey, mount: Mount): Buffer =>
  macRow(key, 'mounts', mount.mountId, mount.rowVersion, [mount.class, mount.path, mount.type, canonical(mount.options), canonical(mount.config)])

export const macEnvironment = (key: HmacKey, environment: Environment): Buffer =>
  macRow(key, 'environments', environment.environmentId, environment.rowVersion, [environment.mountId, environment.slug, environment.protected])

/** JSON with sorted keys: jsonb does not keep the order in which keys were written. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item) ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1))) : item,
  )

/** @throws internal `row.integrity` naming the row when no key verifies it. */
export const requireMac = (keys: readonly VersionedKey[], what: string, mac: Buffer, of: (key: HmacKey) => Buffer): void => {
  for (const { key } of keys) if (equalTags(of(key), mac)) return
  throw fail('internal', 'row.integrity', `The stored record of ${what} failed its integrity check. It was changed outside the product; ask the operators to look at the audit log.`)
}
