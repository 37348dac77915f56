// What the ceremonies over HTTP reach: the supervisor, and the organization root for the token that they may end in.

import { auditedWrite } from '../../kernel/audited-write.ts'
import { insert } from '../../services/identity/tokens.ts'
import type { OperatorPort } from '../../system/operator/ports.ts'
import type { DomainParts } from '../domain.ts'

/** Everything, for ever, as Vault's root tokens. */
export const rootTokenCommand = { principalId: undefined, parentId: undefined, displayName: 'root', policies: ['root'], root: true, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [], metadata: {}, numUses: 0, ttlSeconds: 0, explicitMaxTtlSeconds: 0, renewable: false, issuePath: 'auth/token/root' } as const

export const operatorPort = ({ context, pools, keyring, rootOrgId, deliveries }: DomainParts): OperatorPort => ({
  ceremonies: context.ceremonies,
  rootOrgId,
  async issueRootToken(call) {
    const keys = await keyring.organization(rootOrgId)
    const issued = await auditedWrite(pools.app, call, { status: 200, action: 'operator.generate-root' }, (tx) => insert(keys, tx, { orgId: rootOrgId, shortId: undefined }, rootTokenCommand, { at: Math.trunc(call.now()) }))
    return issued.token
  },
  expectDelivery: (requestId) => deliveries.expect(requestId),
})
