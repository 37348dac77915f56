// Organizations below root: found by short id or by slugs, and made with keys, a default project and an owner's token of
// their own. Rows carry a MAC under root's row key.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail, quote } from '../../kernel/errors.ts'
import { isUniqueViolation, type Database, type Transaction } from '../../kernel/storage.ts'
import { reservedSlugs, type Organization, type OrgRegistry } from '../../kernel/tenancy.ts'
import { makeBase62, makeUuidV7 } from '../../crypto/random.ts'
import * as repository from './repository.ts'
import type { TenancyKeys } from './service.ts'

export interface OrganizationPorts {
  readonly database: Database
  readonly rootOrgId: string
  keys(orgId: string): Promise<TenancyKeys>
  cached(key: string, load: () => Promise<Organization | null>): Promise<Organization | null>
  registry(orgId: string): Promise<OrgRegistry>
  /** Destroys keys and tokens of an organization, inside the transaction that marks it. */
  destroy(tx: Transaction, organization: Organization): Promise<void>
  /** Keys, default project and owner token of a new organization, inside its transaction. Returns the token's text. */
  furnish(tx: Transaction, organization: Organization): Promise<string>
}

const SLUG = /^[a-z0-9][a-z0-9-]{0,62}$/
const SHORT_ID_BYTES = 5

const rootKeys = async (ports: OrganizationPorts): Promise<TenancyKeys> => ports.keys(ports.rootOrgId)

/** By its id. */
export const byId = async (ports: OrganizationPorts, orgId: string): Promise<Organization | undefined> =>
  (await ports.cached(`id:${orgId}`, async () => (await repository.findOrganization(ports.database, { orgId }, (await rootKeys(ports)).purposeVersions('rows'))) ?? null)) ?? undefined

/** Whether it and all that it is below are active. */
const stands = async (ports: OrganizationPorts, { state, parentId }: Organization): Promise<boolean> => {
  if (state !== 'active') return false
  const parent = parentId === undefined || parentId === ports.rootOrgId ? undefined : await byId(ports, parentId)
  return parent === undefined || stands(ports, parent)
}

/** By the short id at the end of a token; only active ones. */
export const byShortId = async (ports: OrganizationPorts, shortId: string): Promise<Organization | undefined> => {
  const found = await ports.cached(`short:${shortId}`, async () => (await repository.findOrganization(ports.database, { shortId }, (await rootKeys(ports)).purposeVersions('rows'))) ?? null)
  return found !== null && (await stands(ports, found)) ? found : undefined
}

/** Whether an organization has a child of this slug, in whatever state. */
export const hasChild = async (ports: Pick<OrganizationPorts, 'database' | 'rootOrgId' | 'keys' | 'cached'>, parentId: string, slug: string): Promise<boolean> =>
  (await ports.cached(`slug:${parentId}/${slug}`, async () => (await repository.findOrganization(ports.database, { parentId, slug }, (await ports.keys(ports.rootOrgId)).purposeVersions('rows'))) ?? null)) !== null

/** By slugs below root (`acme` or `acme/team`); only when every one on the way is active. */
export const bySlugs = async (ports: OrganizationPorts, path: string): Promise<Organization | undefined> => {
  let parentId = ports.rootOrgId
  let found: Organization | undefined
  const slugs = path.replace(/^\/|\/$/g, '').split('/')
  if (slugs.length > 8 || !slugs.every((slug) => SLUG.test(slug))) return undefined
  for (const slug of slugs) {
    const parent = parentId
    const next = await ports.cached(`slug:${parent}/${slug}`, async () => (await repository.findOrganization(ports.database, { parentId: parent, slug }, (await rootKeys(ports)).purposeVersions('rows'))) ?? null)
    if (next === null || next.state !== 'active') return undefined
    found = next
    parentId = next.orgId
  }
  return found
}

/** Makes an organization below the caller's. @throws invalid_request, conflict */
export const create = async (ports: OrganizationPorts, _grant: Grant, call: Call, command: { readonly slug: string; readonly name: string }): Promise<{ readonly organization: Organization; readonly token: string }> => {
  if (!SLUG.test(command.slug) || reservedSlugs.has(command.slug)) throw fail('invalid_request', 'organization.bad_slug', `${quote(command.slug)} cannot name an organization.`, { field: 'slug' })
  const registry = await ports.registry(call.orgId)
  if (registry.mounts.some((mount) => mount.path.split('/')[0] === command.slug)) throw fail('conflict', 'organization.mount_taken', `A project or mount is called ${quote(command.slug)} already.`, { field: 'slug' })
  const at = Math.trunc(call.now())
  const organization: Organization = { orgId: makeUuidV7(at), parentId: call.orgId, slug: command.slug, shortId: makeBase62(SHORT_ID_BYTES), name: command.name, state: 'active', homeRegion: undefined, epoch: 1, createdAt: at }
  const rowKey = (await rootKeys(ports)).purpose('rows')
  call.audit.resourceId = organization.orgId
  try {
    return await auditedWrite(ports.database, call, {}, async (tx, note) => {
      // Of one that is being suspended, a worker that has not heard of it yet would take the tokens.
      if (!(await repository.holdActive(tx, call.orgId))) throw notFound()
      await repository.insertOrganization(tx, organization, rowKey)
      const token = await ports.furnish(tx, organization)
      note('organization', organization.orgId)
      return { organization, token }
    })
  } catch (error) {
    if (isUniqueViolation(error, 'organizations_slug')) throw fail('conflict', 'organization.exists', `There is an organization ${quote(command.slug)} already.`, { field: 'slug', cause: error })
    throw error
  }
}

const notFound = (): Error => fail('not_found', 'organization.not_found', 'There is no such organization, or it is not yours.')

const changed = (): Error => fail('conflict', 'organization.changed', 'The organization was changed meanwhile. Try again.')

/** @throws not_found */
const requireChild = async (ports: OrganizationPorts, call: Call, slug: string): Promise<Organization> => {
  const found = await repository.findOrganization(ports.database, { parentId: call.orgId, slug }, (await rootKeys(ports)).purposeVersions('rows'))
  if (found === undefined || found.state === 'shredded') throw notFound()
  return found
}

/**
 * Suspended, no token of an organization works and nothing in it can be named, nor in those below it; resumed, all is as it was.
 * Once it is answered no worker serves what it held. @throws not_found, conflict
 */
export const setState = async (ports: OrganizationPorts, _grant: Grant, call: Call, wanted: { readonly slug: string; readonly state: 'active' | 'suspended' }): Promise<Organization> => {
  const organization = await requireChild(ports, call, wanted.slug)
  call.audit.resourceId = organization.orgId
  if (organization.state === wanted.state) return organization
  const rowKey = (await rootKeys(ports)).purpose('rows')
  await auditedWrite(ports.database, call, { confirm: wanted.state === 'suspended' }, async (tx, note) => {
    if (!(await repository.moveOrganization(tx, organization, wanted.state, rowKey))) throw changed()
    // Only now: what was being made below it is there, and nothing more will be.
    for (const orgId of [organization.orgId, ...(await repository.idsBelow(tx, organization.orgId))]) note('organization', orgId)
    // That its tokens are unknown is remembered under no organization.
    if (wanted.state === 'active') note('resumed', organization.orgId)
  })
  return { ...organization, state: wanted.state }
}

/**
 * Crypto-shredding: the keys of an organization are destroyed, and with them whatever was encrypted under them, live at once. Its audit
 * record stays. @throws not_found, conflict while it has organizations below it
 */
export const shred = async (ports: OrganizationPorts, _grant: Grant, call: Call, slug: string): Promise<Organization> => {
  const versions = (await rootKeys(ports)).purposeVersions('rows')
  const organization = await requireChild(ports, call, slug)
  const hasChildren = (): Error => fail('conflict', 'organization.has_children', 'There are organizations below this one. Remove them first.', { field: 'slug' })
  if ((await repository.listChildren(ports.database, organization.orgId, '', 1, versions)).length > 0) throw hasChildren()
  call.audit.resourceId = organization.orgId
  const rowKey = (await rootKeys(ports)).purpose('rows')
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    if (!(await repository.moveOrganization(tx, organization, 'shredded', rowKey))) throw changed()
    if ((await repository.idsBelow(tx, organization.orgId)).length > 0) throw hasChildren()
    await ports.destroy(tx, organization)
    note('organization', organization.orgId)
  })
  return organization
}

export const list = async (ports: OrganizationPorts, _grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly Organization[]> =>
  repository.listChildren(ports.database, call.orgId, page.after, page.limit, (await rootKeys(ports)).purposeVersions('rows'))
