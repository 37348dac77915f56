// The ports of auth/token, filled by services/identity.

import type { TokenStore } from '../../kernel/ports/tokens.ts'
import type { IssuePorts } from '../../services/identity/issue.ts'
import { identityPoliciesOf } from '../../services/identity/identity-policies.ts'
import * as store from '../../services/identity/store.ts'

export const makeTokenStore = (ports: IssuePorts, { policyExists, namespaceOf }: Pick<TokenStore, 'policyExists' | 'namespaceOf'>): TokenStore => ({
  find: (orgId, by) => store.find(ports, orgId, by),
  own: async (caller) => caller.carried?.token ?? store.find(ports, caller.orgId, { tokenId: caller.tokenId }),
  create: (grant, call, command) => store.create(ports, grant, call, command),
  renew: (grant, call, tokenId, expiryOf) => store.renewTo(ports, grant, call, tokenId, expiryOf),
  revoke: (grant, call, tokenId) => store.revokeById(ports, grant, call, tokenId),
  revokeOrphan: (grant, call, tokenId) => store.revokeOrphan(ports, grant, call, tokenId),
  accessors: (grant, call) => store.accessors(ports, grant, call),
  tidy: (grant, call) => store.tidy(ports, grant, call),
  policyExists,
  namespaceOf,
  async identityPolicies(orgId, principalId) {
    if (principalId === undefined) return undefined
    const grants = await ports.batch.grants(orgId, principalId)
    return grants === undefined ? undefined : identityPoliciesOf(grants)
  },
})
