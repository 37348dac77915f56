// What one principal is granted has changed: whatever was compiled for its tokens goes.

import type { Queryable } from '../../kernel/storage.ts'
import { GRANTS_CHANGED } from './grants.ts'

/** What the feed calls a change of what one principal is or is granted; the key is its id. */
export const PRINCIPAL_CHANGED = 'principal'

export type Note = (kind: string, key: string) => void

/** Beyond that everything compiled for the organization goes, which is one row in the feed. */
const MOST_TOKENS = 500

/**
 * Tells the feed of a principal and of every token of it that has a row. The principal is locked first: a token that is being made for it meanwhile (which
 * holds a key share of that row) is either seen here, or is loaded only when the change is there. Part of the caller's transaction.
 */
export const noteHolder = async (tx: Queryable, orgId: string, principalId: string, note: Note): Promise<void> => {
  await tx.query('select 1 from coffer.principals where org_id = $1 and principal_id = $2 for update', [orgId, principalId])
  note(PRINCIPAL_CHANGED, principalId)
  const found = await tx.query<{ token_id: string }>('select token_id from coffer.tokens where org_id = $1 and principal_id = $2 limit $3', [orgId, principalId, MOST_TOKENS + 1])
  if (found.rows.length > MOST_TOKENS) note(GRANTS_CHANGED, principalId)
  else for (const { token_id: tokenId } of found.rows) note('token', tokenId)
}
