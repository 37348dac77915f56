// The port over organizations: what a new one is furnished with, and its views.

import { secret, reveal } from '../crypto/secret.ts'
import type { OrganizationsPort } from '../kernel/ports/projects.ts'
import type { Organization } from '../kernel/tenancy.ts'
import { DEFAULT_PROJECT } from '../kernel/tenancy.ts'
import type { Transaction } from '../kernel/storage.ts'
import { ensureBinding, ensurePrincipal } from '../services/identity/grants.ts'
import { insert } from '../services/identity/tokens.ts'
import * as organizations from '../services/tenancy/organizations.ts'
import { insertProject } from '../services/tenancy/service.ts'
import type { DomainParts } from './domain.ts'

const confine = async (tx: Transaction, orgId: string): Promise<void> => {
  await tx.query("select set_config('coffer.org', $1, true)", [orgId])
}

/** Keys, default project and an owner with a token, in the transaction that makes the organization. */
const furnish = ({ keyring }: Pick<DomainParts, 'keyring'>) => async (tx: Transaction, organization: Organization): Promise<string> => {
  const { orgId, parentId, createdAt: at, shortId } = organization
  await confine(tx, orgId)
  const keys = await keyring.createOrganizationKeys(tx, orgId)
  await insertProject(tx, orgId, { name: DEFAULT_PROJECT, description: 'The default project', at }, keys.purpose('rows'))
  const { principal: owner } = await ensurePrincipal(keys, tx, orgId, { kind: 'user', name: 'owner', at })
  await ensureBinding(keys, tx, orgId, { principalId: owner.principalId, role: 'owner', mountId: undefined, environment: undefined, at })
  const command = { principalId: owner.principalId, parentId: undefined, displayName: 'owner', policies: [], root: false, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [], metadata: {}, numUses: 0, ttlSeconds: 0, explicitMaxTtlSeconds: 0, renewable: false, issuePath: 'sys/namespaces' }
  const issued = await insert(keys, tx, { orgId, shortId }, command, { at })
  // The rest of the transaction is the parent's again: its record of having made this one.
  await confine(tx, parentId ?? orgId)
  return reveal(issued.token, 'the owner token, for whoever made the organization')
}

/** What opened its data, and who could ask for it. The rest of the transaction is the parent's. */
const destroy = ({ keyring }: Pick<DomainParts, 'keyring'>) => async (tx: Transaction, { orgId, parentId }: Organization): Promise<void> => {
  await confine(tx, orgId)
  await keyring.destroyOrganizationKeys(tx, orgId)
  await tx.query('delete from coffer.tokens where org_id = $1', [orgId])
  // What could end its dynamic credentials was sealed under the keys that are gone.
  await tx.query('delete from coffer.leases where org_id = $1', [orgId])
  await confine(tx, parentId ?? orgId)
}

const port = (ports: organizations.OrganizationPorts): OrganizationsPort => ({
  async organization(orgId) {
    const found = await organizations.byId(ports, orgId)
    if (found === undefined) throw new Error('an organization that is in use is not there')
    return found
  },
  async create(grant, call, command) {
    const made = await organizations.create(ports, grant, call, command)
    return { organization: made.organization, token: secret(made.token) }
  },
  setState: (grant, call, wanted) => organizations.setState(ports, grant, call, wanted),
  shred: (grant, call, slug) => organizations.shred(ports, grant, call, slug),
  list: (grant, call, page) => organizations.list(ports, grant, call, page),
})

export const makeOrganizations = { furnish, destroy, port }
