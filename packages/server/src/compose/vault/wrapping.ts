// Cubbyholes and wrapped answers: sealed entries in a space whose id is the token's, so that they end with it.

import type { Entries } from '../../barrier/entries.ts'
import { parseTokenShape } from '../../crypto/token-format.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import type { Database } from '../../kernel/storage.ts'
import type { IssuePorts } from '../../services/identity/issue.ts'
import { find } from '../../services/identity/store.ts'
import { revokeTree } from '../../services/identity/token-repository.ts'
import { insert } from '../../services/identity/tokens.ts'
import { WRAPPING_POLICY } from '../../services/policy/builtin.ts'
import type { CubbyholePort } from '../../system/cubbyhole.ts'
import type { Asker, WrapCommand, WrappingPort } from '../../system/wrapping.ts'
import { sealedState } from './state.ts'

const RESPONSE = 'response'

const tokenIdOf = (call: Call): string => {
  if (call.caller === undefined) throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
  if (call.caller.carried !== undefined) throw fail('invalid_request', 'cubbyhole.batch', 'cubbyhole operations are only supported by "service" type tokens')
  return call.caller.tokenId
}

export const makeCubbyhole = (database: Database, entries: Entries): CubbyholePort => {
  const of = (call: Call): ReturnType<typeof sealedState> => sealedState(database, entries, tokenIdOf(call))
  return {
    get: (call, path) => of(call).get(call.orgId, path),
    put: (grant, call, path, value) => of(call).put(grant, call, path, value),
    delete: (grant, call, path) => of(call).delete(grant, call, path),
    names: (call, prefix) => of(call).names(call.orgId, prefix),
  }
}

const isWrapping = (row: TokenRow | undefined): row is TokenRow => row !== undefined && row.policies.length === 1 && row.policies[0] === WRAPPING_POLICY

const stored = (value: unknown): Omit<WrapCommand, 'ttlSeconds'> | undefined => {
  if (value === null || typeof value !== 'object' || !('response' in value) || typeof value.response !== 'string') return undefined
  const text = (name: string): string => (name in value && typeof value[name as keyof typeof value] === 'string' ? String(value[name as keyof typeof value]) : '')
  return { response: value.response, creationPath: text('creationPath'), wrappedAccessor: text('wrappedAccessor'), asker: 'requestId' in value ? { requestId: text('requestId'), principal: 'principal' in value ? text('principal') : undefined } : undefined }
}

/** Whoever brings a wrapping token may have nothing else: what is in it is found by what it was made of. */
const note = ({ audit }: Call, tokenId: string, { creationPath, asker }: Pick<WrapCommand, 'creationPath' | 'asker'>): void => {
  audit.resourceId = tokenId
  audit.metadata = { ...audit.metadata, creationPath, ...(asker === undefined ? {} : { wrappedRequest: asker.requestId }), ...(asker?.principal === undefined ? {} : { wrappedFor: asker.principal }) }
}

export const makeWrapping = (ports: IssuePorts, entries: Entries): WrappingPort => {
  const row = async (call: Call, by: { readonly token: string } | { readonly tokenId: string }): Promise<{ readonly orgId: string; readonly row: TokenRow } | undefined> => {
    // Looking needs no token of its own, so the organization is the one that the wrapping token names.
    const orgId = 'token' in by ? (await ports.organizationOf(parseTokenShape(by.token)?.orgShortId))?.orgId : call.orgId
    const found = orgId === undefined ? undefined : await find(ports, orgId, by)
    return orgId === undefined || !isWrapping(found) ? undefined : { orgId, row: found }
  }
  return {
    async wrap(call, command) {
      const keys = await ports.keys(call.orgId)
      const shortId = await ports.shortIdOf(call.orgId)
      const at = Math.trunc(call.now())
      const asker: Asker = command.asker ?? { requestId: call.requestId, principal: call.caller?.principal }
      const value = { response: command.response, creationPath: command.creationPath, wrappedAccessor: command.wrappedAccessor, requestId: asker.requestId, ...(asker.principal === undefined ? {} : { principal: asker.principal }) }
      const issued = await auditedWrite(ports.database, call, {}, async (tx) => {
        const made = await insert(keys, tx, { orgId: call.orgId, shortId }, {
          principalId: undefined, parentId: undefined, displayName: '', policies: [WRAPPING_POLICY], root: false, lockMountId: undefined, lockEnvironment: undefined, boundCidrs: [],
          metadata: {}, numUses: 1, ttlSeconds: command.ttlSeconds, explicitMaxTtlSeconds: command.ttlSeconds, renewable: false, issuePath: 'sys/wrapping/wrap',
        }, { at })
        await entries.within(tx).view({ orgId: call.orgId, mountId: made.row.tokenId }).put(RESPONSE, value)
        note(call, made.row.tokenId, { creationPath: command.creationPath, asker })
        return made
      })
      return { token: issued.token, accessor: issued.row.accessor, ttlSeconds: command.ttlSeconds, createdAt: at, creationPath: command.creationPath, wrappedAccessor: command.wrappedAccessor }
    },
    async unwrap(call, by) {
      const found = await row(call, by)
      if (found === undefined || found.orgId !== call.orgId) return undefined
      const { tokenId, ttlSeconds } = found.row
      const entry = await entries.view({ orgId: call.orgId, mountId: tokenId }).get(RESPONSE)
      const value = stored(entry?.value)
      if (value === undefined) return undefined
      note(call, tokenId, value)
      // Of two who bring the token at once, the one whose transaction deletes it gets the answer.
      const won = await auditedWrite(ports.database, call, { confirm: true }, async (tx, noteChange) => {
        const gone = await revokeTree(tx, call.orgId, tokenId)
        if (gone.length > 0) await ports.dropState(tx, call.orgId, gone)
        noteChange('token', tokenId)
        return gone.length > 0
      })
      return won ? { ...value, ttlSeconds } : undefined
    },
    async look(call, by) {
      const found = await row(call, by)
      if (found === undefined) return undefined
      const value = stored((await entries.view({ orgId: found.orgId, mountId: found.row.tokenId }).get(RESPONSE))?.value)
      // Whose it is the records of another organization do not say.
      if (value !== undefined && found.orgId === call.orgId) note(call, found.row.tokenId, value)
      return value === undefined ? undefined : { ttlSeconds: found.row.ttlSeconds, createdAt: found.row.issuedAt, creationPath: value.creationPath, wrappedAccessor: value.wrappedAccessor }
    },
  }
}
