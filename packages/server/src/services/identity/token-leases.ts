// Service tokens that expire as leases: in Vault each has one, named after the path that gave it and a hash of the token. Here
// the row of the token is the lease, and its look-up key is the hash.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import { GRANTS_CHANGED } from './grants.ts'
import * as repository from './token-repository.ts'
import type { TokenPorts } from './tokens.ts'

const NAME = /^(.{0,1000})\/h([0-9a-f]{64})$/s
const PAGE = 500
/** More tokens than this, and everything that workers compiled for the organization goes instead of each. */
const MOST_NOTED = 50

/** `auth/userpass/login/ann/h<64 hex digits>`: where a token was made and what it is looked up by. Undefined: not the name of a token's lease. */
export const parseTokenLease = (name: string): { readonly issuePath: string; readonly lookup: Buffer } | undefined => {
  const match = NAME.exec(name)
  return match === null ? undefined : { issuePath: match[1] ?? '', lookup: Buffer.from(match[2] ?? '', 'hex') }
}

/** The live, expiring token of a lease. */
export const findLeased = async (ports: TokenPorts, orgId: string, name: string): Promise<TokenRow | undefined> => {
  const parsed = parseTokenLease(name)
  if (parsed === undefined) return undefined
  const keys = await ports.keys(orgId)
  const found = await repository.lookup(ports.database, orgId, parsed.lookup, keys.purposeVersions('rows'))
  const token = found?.token
  return token === undefined || token.expiresAt === undefined || token.issuePath !== parsed.issuePath ? undefined : token
}

/** Live, expiring tokens below a prefix by their leases' names, in order, after one. */
export const listLeased = async (ports: TokenPorts, orgId: string, prefix: string, page: { readonly after: string; readonly limit: number }): Promise<readonly { readonly name: string; readonly token: TokenRow }[]> => {
  const keys = await ports.keys(orgId)
  return ports.database.transaction(orgId, (tx) => repository.listLeased(tx, orgId, prefix, page, keys.purposeVersions('rows')), { readOnly: true })
}

/**
 * Ends every expiring token below a prefix, with everything made from them; when this returns no worker takes any. In pages, each with its record,
 * so that interrupted it has ended what it says. Returns how many.
 */
export const revokeLeased = async (ports: TokenPorts, _grant: Grant, call: Call, prefix: string): Promise<number> => {
  let revoked = 0
  for (;;) {
    const page = await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
      const { ended, roots } = await repository.revokeLeased(tx, call.orgId, prefix, PAGE)
      if (ended.length > 0) await ports.dropState(tx, call.orgId, ended)
      if (ended.length > MOST_NOTED) note(GRANTS_CHANGED, '')
      else for (const tokenId of ended) note('token', tokenId)
      call.audit.metadata = { ...call.audit.metadata, revoked: ended.length }
      return { ended: ended.length, roots }
    })
    revoked += page.ended
    if (page.roots < PAGE) return revoked
    call.keepRecord()
  }
}
