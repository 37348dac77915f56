// Tokens as Vault's own paths make and change them: the rows are the same as everybody's, and so are their look-up keys,
// MACs and the feed.

import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { BatchOrigin, TokenRow } from '../../kernel/identity.ts'
import type { NewToken, TokenSelector } from '../../kernel/ports/tokens.ts'
import { isUniqueViolation, type Transaction } from '../../kernel/storage.ts'
import { parseTokenShape } from '../../crypto/token-format.ts'
import { sealBatch } from './batch.ts'
import { ensureAlias, retried } from './aliases.ts'
import { checkName } from './change.ts'
import { followAgain } from './groups/external.ts'
import type { Note } from './holders.ts'
import type { IssuePorts } from './issue.ts'
import * as repository from './token-repository.ts'
import { insert, load, revoke, type IssuedToken, type TokenKeys, type TokenPorts } from './tokens.ts'

const PAGE = 1000
const MOST_ACCESSORS = 1_000_000

/** A live token of this organization. */
export const find = async (ports: TokenPorts, orgId: string, by: TokenSelector): Promise<TokenRow | undefined> => {
  if (!('token' in by)) {
    const keys = await ports.keys(orgId)
    const found = await ports.database.transaction(orgId, (tx) => repository.findToken(tx, orgId, by, keys.purposeVersions('rows')), { readOnly: true })
    return found?.token
  }
  const org = await ports.organizationOf(parseTokenShape(by.token)?.orgShortId)
  if (org?.orgId !== orgId) return undefined
  return (await load(ports, orgId, by.token))?.token
}

/** Whoever is called so at auth/token, made when there is nobody. Its mount is no mount: it has the organization's id. @throws permission_denied */
const holderOf = async (keys: TokenKeys, tx: Transaction, { orgId, note }: { readonly orgId: string; readonly note: Note }, { alias, at }: { readonly alias: string; readonly at: number }): Promise<string> => {
  const principal = await ensureAlias(keys, tx, { orgId, note }, { mountId: orgId, mountPath: 'auth/token', name: checkName(alias, 'entity_alias'), kind: 'workload', metadata: undefined, at })
  if (principal.disabled) throw fail('permission_denied', 'token.holder_disabled', 'entity from given entity alias is disabled')
  return principal.principalId
}

/** A batch token writes nothing, unless whoever is to hold it is yet to be made. */
const createBatch = async (ports: IssuePorts, call: Call, { batch, entityAlias, ...command }: NewToken & { readonly batch: BatchOrigin }): Promise<IssuedToken> => {
  const [keys, shortId] = await Promise.all([ports.keys(call.orgId), ports.shortIdOf(call.orgId)])
  const at = Math.trunc(call.now())
  const made = (principalId: string | undefined): IssuedToken => {
    const issued = sealBatch(keys, { orgId: call.orgId, shortId }, { ...command, principalId }, { origin: batch, at })
    call.audit.resourceId = issued.row.tokenId
    return issued
  }
  if (entityAlias === undefined) return made(command.principalId)
  return retried(() => auditedWrite(ports.database, call, {}, async (tx, note) => made(await holderOf(keys, tx, { orgId: call.orgId, note }, { alias: entityAlias, at }))))
}

export const create = async (ports: IssuePorts, _grant: Grant, call: Call, command: NewToken): Promise<IssuedToken> => {
  const { text, batch, entityAlias, ...row } = command
  if (batch !== undefined) return createBatch(ports, call, { ...command, batch })
  const [keys, shortId] = await Promise.all([ports.keys(call.orgId), ports.shortIdOf(call.orgId)])
  const at = Math.trunc(call.now())
  const make = (): Promise<IssuedToken> =>
    auditedWrite(ports.database, call, {}, async (tx, note) => {
      const principalId = entityAlias === undefined ? row.principalId : await holderOf(keys, tx, { orgId: call.orgId, note }, { alias: entityAlias, at })
      const issued = await insert(keys, tx, { orgId: call.orgId, shortId }, { ...row, principalId }, { at, ...(text === undefined ? {} : { text }) })
      call.audit.resourceId = issued.row.tokenId
      // A chosen text may have been asked for before it was a token, and a cache may remember that it was none.
      if (text !== undefined) note('grants', issued.row.tokenId)
      return issued
    })
  try {
    return await (entityAlias === undefined ? make() : retried(make))
  } catch (error) {
    if (isUniqueViolation(error)) throw fail('invalid_request', 'token.id_taken', 'cannot create a token with a duplicate ID', { field: 'id', cause: error })
    throw error
  }
}

export const renewTo = async (ports: TokenPorts, _grant: Grant, call: Call, tokenId: string, expiryOf: (row: TokenRow, now: number) => number): Promise<TokenRow> => {
  const keys = await ports.keys(call.orgId)
  const options = { confirm: false }
  return auditedWrite(ports.database, call, options, async (tx, note) => {
    const found = await repository.findToken(tx, call.orgId, { tokenId }, keys.purposeVersions('rows'))
    if (found === undefined) throw fail('invalid_request', 'token.not_there', 'token not found')
    const now = Math.trunc(call.now())
    const renewed: TokenRow = { ...found.token, expiresAt: expiryOf(found.token, now), lastRenewedAt: now, rowVersion: found.token.rowVersion + 1 }
    await repository.updateExpiry(tx, call.orgId, renewed, found.lookup, keys.purpose('rows'))
    options.confirm = await followAgain(keys, tx, call.orgId, renewed, note)
    note('token', tokenId)
    return renewed
  })
}

/** With everything made from it. A token that somebody else revoked meanwhile is revoked. */
export const revokeById = async (ports: TokenPorts, grant: Grant, call: Call, tokenId: string): Promise<void> => {
  try {
    await revoke(ports, grant, call, { tokenId })
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'token.not_found') return
    throw error
  }
}

export const revokeOrphan = async (ports: TokenPorts, _grant: Grant, call: Call, tokenId: string): Promise<void> => {
  const keys = await ports.keys(call.orgId)
  await auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    for (;;) {
      const children = await repository.childrenOf(tx, call.orgId, tokenId, PAGE, keys.purposeVersions('rows'))
      for (const { token, lookup } of children) {
        await repository.setParent(tx, call.orgId, { ...token, parentId: undefined, rowVersion: token.rowVersion + 1 }, lookup, keys.purpose('rows'))
        note('token', token.tokenId)
      }
      if (children.length < PAGE) break
    }
    await repository.deleteToken(tx, call.orgId, tokenId)
    await ports.dropState(tx, call.orgId, [tokenId])
    note('token', tokenId)
  })
}

export const accessors = async (ports: TokenPorts, _grant: Grant, call: Call): Promise<readonly string[]> => {
  const keys = await ports.keys(call.orgId)
  const found: string[] = []
  let after = '00000000-0000-0000-0000-000000000000'
  while (found.length < MOST_ACCESSORS) {
    const from = after
    const page = await ports.database.transaction(call.orgId, (tx) => repository.listTokens(tx, call.orgId, { after: from, limit: PAGE }, keys.purposeVersions('rows')), { readOnly: true })
    found.push(...page.map(({ token }) => token.accessor))
    const last = page[page.length - 1]
    if (last === undefined || page.length < PAGE) break
    after = last.token.tokenId
  }
  return found
}

/** Removes tokens that have ended, with what was made from them. Returns their ids. */
export const sweep = async (ports: Pick<TokenPorts, 'dropState'>, tx: Transaction, orgId: string): Promise<readonly string[]> => {
  const gone: string[] = []
  for (const tokenId of await repository.expiredTokens(tx, orgId, PAGE)) gone.push(...(await repository.revokeTree(tx, orgId, tokenId)))
  if (gone.length > 0) await ports.dropState(tx, orgId, gone)
  return gone
}

export const tidy = async (ports: TokenPorts, _grant: Grant, call: Call): Promise<number> =>
  auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    const gone = await sweep(ports, tx, call.orgId)
    for (const tokenId of gone) note('token', tokenId)
    call.audit.metadata = { ...call.audit.metadata, removed: gone.length }
    return gone.length
  })
