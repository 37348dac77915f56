// Tokens: made, found by HMAC, renewed, and revoked with everything that was made from them. The text of a token leaves
// once, in the answer to its making; from then on only its HMAC under the organization's token key is known.

import { sha256Base64Url } from '../../crypto/digest.ts'
import type { HmacKey } from '../../crypto/keys.ts'
import { hmacSha256 } from '../../crypto/mac.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { secret, type Secret } from '../../crypto/secret.ts'
import { makeAccessor, makeServiceToken, parseTokenShape } from '../../crypto/token-format.ts'
import { auditedWrite } from '../../kernel/audited-write.ts'
import type { Call, Grant } from '../../kernel/call.ts'
import type { NewToken } from '../../kernel/ports/tokens.ts'
import { fail } from '../../kernel/errors.ts'
import type { Database, Queryable, Transaction } from '../../kernel/storage.ts'
import type { LoadedToken, TokenRow } from '../../kernel/identity.ts'
import { followAgain } from './groups/external.ts'
import * as repository from './token-repository.ts'
import { loadBatch, type BatchPorts } from './batch.ts'
import type { VersionedKey } from './rows.ts'

export interface TokenKeys {
  purpose(name: 'tokens' | 'rows'): HmacKey
  purposeVersions(name: 'tokens' | 'rows'): readonly VersionedKey[]
}

export interface TokenPorts {
  readonly database: Database
  keys(orgId: string): Promise<TokenKeys>
  /** The organization that a short id at a token's end names; undefined: none, or not active. */
  /** Removes what tokens kept for themselves (their cubbyholes), in the transaction that removes them. */
  dropState(tx: Transaction, orgId: string, tokenIds: readonly string[]): Promise<void>
  organizationOf(shortId: string | undefined): Promise<{ readonly orgId: string; readonly shortId: string | undefined } | undefined>
  readonly batch: BatchPorts
  /** A token with its grants, by what it is looked up by. */
  lookup(orgId: string, key: Buffer, keys: readonly VersionedKey[]): Promise<LoadedToken | undefined>
}

const MAX_TOKEN_LENGTH = 9000

/** What a token is looked up by. */
export const lookupKey = (key: HmacKey, token: string): Buffer => hmacSha256(key, 'coffer/token/1\n', token)

/** What a token is called in this process's caches: not the token, and not what the database knows it by. */
export const cacheKeyOf = (token: string): string => sha256Base64Url(token)

/** The organization that a token says it belongs to, and the token with its grants. Undefined: not a live token. */
export const find = async (ports: TokenPorts, token: string): Promise<{ readonly orgId: string; readonly loaded: LoadedToken } | undefined> => {
  if (token.length === 0 || token.length > MAX_TOKEN_LENGTH) return undefined
  const named = await ports.organizationOf(parseTokenShape(token)?.orgShortId)
  // A token of no organization costs what one of some organization costs: by time nobody learns which short ids there are.
  // A service token cannot be found then, because its text ends with the id and root's tokens have none.
  const org = named ?? (await ports.organizationOf(undefined))
  if (org === undefined) return undefined
  const loaded = await load(ports, org.orgId, token)
  // A batch token that root sealed opens whatever stands at its end.
  return loaded === undefined || named === undefined ? undefined : { orgId: org.orgId, loaded }
}

/** A live token of an organization with its grants, by its text. */
export const load = async (ports: TokenPorts, orgId: string, token: string): Promise<LoadedToken | undefined> => {
  if (parseTokenShape(token)?.kind === 'batch') return loadBatch(ports, orgId, token)
  const keys = await ports.keys(orgId)
  for (const { key } of keys.purposeVersions('tokens')) {
    const loaded = await ports.lookup(orgId, lookupKey(key, token), keys.purposeVersions('rows'))
    if (loaded !== undefined) return loaded
  }
  return undefined
}

/** What a token is to be. Few are periodic, so that the period may be left out. */
export interface TokenCommand extends Omit<NewToken, 'text' | 'batch' | 'entityAlias' | 'periodSeconds'>, Partial<Pick<NewToken, 'periodSeconds'>> {
  /** Only a login says so: what is made from a token is in other hands than the one that gave the second step. */
  readonly mfa?: boolean | undefined
}

export interface IssuedToken {
  readonly token: Secret<string>
  readonly row: TokenRow
}

/** The row of a new service token. */
export const newRow = (command: TokenCommand, { at, shortId }: { readonly at: number; readonly shortId: string | undefined }): TokenRow => ({
  ...command,
  tokenId: makeUuidV7(at),
  accessor: makeAccessor(shortId),
  periodSeconds: command.periodSeconds ?? 0,
  mfa: command.mfa === true,
  issuedAt: at,
  expiresAt: command.ttlSeconds === 0 ? undefined : at + command.ttlSeconds * 1000,
  lastRenewedAt: undefined,
  rowVersion: 1,
})

/** Makes a token inside a transaction that the caller audits. `text` is only for a token that the operator chose (`--dev-root-token-id`). */
export const insert = async (keys: TokenKeys, tx: Queryable, org: { readonly orgId: string; readonly shortId: string | undefined }, command: TokenCommand, options: { readonly at: number; readonly text?: string }): Promise<IssuedToken> => {
  const text = options.text ?? makeServiceToken(org.shortId)
  const row = newRow(command, { at: options.at, shortId: org.shortId })
  await repository.insertToken(tx, org.orgId, row, lookupKey(keys.purpose('tokens'), text), keys.purpose('rows'))
  return { token: secret(text), row }
}

/** Takes one use of a counted token. @throws unauthenticated when none is left */
export const takeUse = async (ports: TokenPorts, orgId: string, token: Pick<TokenRow, 'tokenId' | 'numUses'>): Promise<void> => {
  if (token.numUses > 0 && !(await repository.takeUse(ports.database, orgId, token.tokenId))) throw fail('unauthenticated', 'token.used_up', 'The token has no uses left. Log in again.')
}

/** Revokes a token and its descendants; when this returns, no worker takes any of them. @throws not_found */
export const revoke = async (ports: TokenPorts, _grant: Grant | 'self', call: Call, by: { readonly accessor: string } | { readonly tokenId: string }): Promise<number> => {
  const keys = await ports.keys(call.orgId)
  return auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    const found = await repository.findToken(tx, call.orgId, by, keys.purposeVersions('rows'))
    if (found === undefined) throw notFound()
    const gone = await repository.revokeTree(tx, call.orgId, found.token.tokenId)
    await ports.dropState(tx, call.orgId, gone)
    for (const tokenId of gone) note('token', tokenId)
    call.audit.resourceId = found.token.tokenId
    call.audit.metadata = { ...call.audit.metadata, revoked: gone.length }
    return gone.length
  })
}

/** Moves the expiry, up to the explicit maximum. @throws invalid_request when the token is not renewable */
export const renew = async (ports: TokenPorts, _grant: Grant | 'self', call: Call, by: { readonly accessor: string } | { readonly tokenId: string }, incrementSeconds: number | undefined): Promise<TokenRow> => {
  const keys = await ports.keys(call.orgId)
  const options = { confirm: false }
  return auditedWrite(ports.database, call, options, async (tx, note) => {
    const found = await repository.findToken(tx, call.orgId, by, keys.purposeVersions('rows'))
    if (found === undefined) throw notFound()
    const { token } = found
    if (!token.renewable || token.expiresAt === undefined) throw fail('invalid_request', 'token.not_renewable', 'The token is not renewable.')
    const now = call.now()
    const limit = token.explicitMaxTtlSeconds === 0 ? Number.POSITIVE_INFINITY : token.issuedAt + token.explicitMaxTtlSeconds * 1000
    const renewed: TokenRow = { ...token, expiresAt: Math.min(now + (incrementSeconds || token.ttlSeconds) * 1000, limit), lastRenewedAt: now, rowVersion: token.rowVersion + 1 }
    await repository.updateExpiry(tx, call.orgId, renewed, found.lookup, keys.purpose('rows'))
    options.confirm = await followAgain(keys, tx, call.orgId, renewed, note)
    note('token', token.tokenId)
    return renewed
  })
}

/** A token by its accessor. @throws not_found */
export const lookupAccessor = async (ports: TokenPorts, _grant: Grant, call: Call, accessor: string): Promise<TokenRow> => {
  const keys = await ports.keys(call.orgId)
  const found = await ports.database.transaction(call.orgId, (tx) => repository.findToken(tx, call.orgId, { accessor }, keys.purposeVersions('rows')), { readOnly: true })
  if (found === undefined) throw notFound()
  return found.token
}

export const list = async (ports: TokenPorts, _grant: Grant, call: Call, page: { readonly after: string; readonly limit: number }): Promise<readonly repository.ListedToken[]> => {
  const keys = await ports.keys(call.orgId)
  return ports.database.transaction(call.orgId, (tx) => repository.listTokens(tx, call.orgId, page, keys.purposeVersions('rows')), { readOnly: true })
}

const notFound = (): Error => fail('not_found', 'token.not_found', 'There is no such token.')

/** A live token by its id. @throws unauthenticated when it ended meanwhile */
export const lookupById = async (ports: TokenPorts, orgId: string, tokenId: string): Promise<TokenRow> => {
  const keys = await ports.keys(orgId)
  const found = await ports.database.transaction(orgId, (tx) => repository.findToken(tx, orgId, { tokenId }, keys.purposeVersions('rows')), { readOnly: true })
  if (found === undefined) throw fail('unauthenticated', 'token.invalid', 'The token is missing, unknown, expired or revoked. Log in and try again.')
  return found.token
}

/** A live token with its grants, found without its text. */
export const loadById = async (ports: TokenPorts, orgId: string, by: { readonly accessor: string } | { readonly tokenId: string }): Promise<LoadedToken | undefined> => {
  const keys = await ports.keys(orgId)
  const found = await ports.database.transaction(orgId, (tx) => repository.findToken(tx, orgId, by, keys.purposeVersions('rows')), { readOnly: true })
  return found === undefined ? undefined : repository.lookup(ports.database, orgId, found.lookup, keys.purposeVersions('rows'))
}
