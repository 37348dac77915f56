// What the ceremonies over HTTP reach: the supervisor, and the organization root for the token that they may end in.

import { auditedWrite } from '../../kernel/audited-write.ts'
import { readRotationRule, rotationDefaults, writeRotationRule } from '../../keyring/rotation-rule.ts'
import { insert } from '../../services/identity/tokens.ts'
import type { OperatorPort } from '../../system/operator/ports.ts'
import type { KeysPort } from '../../system/operator/keys.ts'
import type { DomainParts } from '../domain.ts'
import { rotateKeys } from '../keys.ts'

/** Everything, for ever, as Vault's root tokens. */
export const rootTokenCommand = { principalId: undefined, parentId: undefined, displayName: 'root', policies: ['root'], root: true, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [], metadata: {}, numUses: 0, ttlSeconds: 0, explicitMaxTtlSeconds: 0, renewable: false, issuePath: 'auth/token/root' } as const

export const operatorPort = ({ context, pools, keyring, rootOrgId, deliveries }: DomainParts): OperatorPort => ({
  ceremonies: context.ceremonies,
  rootOrgId,
  async issueRootToken(call) {
    const keys = await keyring.organization(rootOrgId)
    const issued = await auditedWrite(pools.app, call, { action: 'operator.generate-root' }, (tx) => insert(keys, tx, { orgId: rootOrgId, shortId: undefined }, rootTokenCommand, { at: Math.trunc(call.now()) }))
    return issued.token
  },
  expectDelivery: (requestId) => deliveries.expect(requestId),
})

interface KekFacts {
  readonly version: number
  readonly at: Date
  readonly wraps: number
}

export const keysPort = (parts: DomainParts): KeysPort => ({
  version: parts.context.version,
  async status(orgId) {
    const found = await parts.pools.app.transaction(orgId, (tx) => tx.query<KekFacts>("select version, created_at as at, encryptions_reserved as wraps from coffer.keks where org_id = $1 and state = 'active' order by version desc limit 1", [orgId]), { readOnly: true })
    const row = found.rows[0]
    return { term: row?.version ?? 1, installedAt: row?.at.getTime() ?? 0, wraps: row?.wraps ?? 0 }
  },
  async rotate(grant, call) {
    await rotateKeys(parts, grant, call, { rewrap: false })
  },
  rule: async (_grant, call) => (await parts.pools.app.transaction(call.orgId, (tx) => readRotationRule(tx, call.orgId), { readOnly: true })) ?? rotationDefaults,
  setRule: (_grant, call, change) =>
    auditedWrite(parts.pools.app, call, {}, async (tx) => {
      await writeRotationRule(tx, call.orgId, { ...((await readRotationRule(tx, call.orgId)) ?? rotationDefaults), ...change })
    }),
})
