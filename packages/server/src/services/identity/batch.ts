// Batch tokens: sealed and self-contained, without a row. What ends them is looked for where they come from: the parent,
// the mount, the role, the principal, the organization; each is a tag of what a worker remembers, so that the feed drops it.

import { openBatchToken, sealBatchToken } from '../../crypto/batch-token.ts'
import { OpenFailed } from '../../crypto/aead.ts'
import { makeUuidV7 } from '../../crypto/random.ts'
import { secret } from '../../crypto/secret.ts'
import { batchTokenBytes, formatBatchToken } from '../../crypto/token-format.ts'
import { fail } from '../../kernel/errors.ts'
import type { BatchOrigin, LoadedToken, PrincipalGrants, RoleMark, TokenRow } from '../../kernel/identity.ts'
import type { NewToken } from '../../kernel/ports/tokens.ts'
import { wipe } from '../../lib/bytes.ts'
import { findToken } from './token-repository.ts'
import type { IssuedToken, TokenCommand, TokenKeys, TokenPorts } from './tokens.ts'

/** Of the token's text; clients and proxies refuse longer headers. */
const MAX_TEXT = 8000

type SealedRole = readonly [mountId: string, key: string, uid: string] | null

/** What is the same in every token of a form. */
type Between = readonly [
  ttlSeconds: number, principalId: string | null, parentId: string | null, displayName: string, policies: readonly string[], boundCidrs: readonly string[],
  metadata: Readonly<Record<string, string>>, issuePath: string, lockMountId: string | null, lockEnvironment: string | null, mountId: string | null, role: SealedRole,
]

/** What is sealed, in this order (docs/formats/token.md). The last is in format 2 only. */
type Sealed = readonly [tokenId: string, issuedAt: number, ...between: Between, requestId: string | null, mfa?: boolean]

export type BatchCommand = Pick<NewToken, 'principalId' | 'parentId' | 'displayName' | 'policies' | 'lockMountId' | 'lockEnvironment' | 'boundCidrs' | 'metadata' | 'ttlSeconds' | 'issuePath'> & Pick<TokenCommand, 'mfa'>

const roleOf = (role: SealedRole): RoleMark | undefined => (role === null ? undefined : { mountId: role[0], key: role[1], uid: role[2] })

const rowOf = ([tokenId, at, ttlSeconds, principalId, parentId, displayName, policies, boundCidrs, metadata, issuePath, lockMountId, lockEnvironment, mountId, role, requestId, mfa]: Sealed): TokenRow => {
  const command = { principalId: principalId ?? undefined, parentId: parentId ?? undefined, displayName, policies, boundCidrs, metadata, issuePath, lockMountId: lockMountId ?? undefined, lockEnvironment: lockEnvironment ?? undefined, ttlSeconds, mfa }
  return rowOfForm({ command, mountId: mountId ?? undefined, role: roleOf(role) }, tokenId, { at, requestId: requestId ?? undefined })
}

/** What is sealed again and again, each time with another id and time. */
export interface BatchForm {
  readonly command: BatchCommand
  readonly mountId: string | undefined
  readonly role: RoleMark | undefined
  /** The JSON between time and request. */
  readonly middle: string
}

/** @throws invalid_request for what no batch token may be */
export const batchForm = (command: BatchCommand, { mountId, role }: Pick<BatchOrigin, 'mountId' | 'role'>): BatchForm => {
  if (command.policies.includes('root')) throw fail('invalid_request', 'token.batch_root', 'batch tokens cannot be root tokens')
  if (command.ttlSeconds <= 0) throw fail('internal', 'token.batch_endless', 'A batch token needs an end.')
  const fields: Between = [
    command.ttlSeconds, command.principalId ?? null, command.parentId ?? null, command.displayName, command.policies, command.boundCidrs,
    command.metadata, command.issuePath, command.lockMountId ?? null, command.lockEnvironment ?? null, mountId ?? null, role === undefined ? null : [role.mountId, role.key, role.uid],
  ]
  return { command, mountId, role, middle: JSON.stringify(fields).slice(1, -1) }
}

export interface SealedBatch {
  readonly text: string
  readonly tokenId: string
}

/** What differs from token to token. */
export interface BatchMoment {
  readonly at: number
  readonly requestId: string | undefined
}

/** Nothing is written. @throws invalid_request when it would not fit into a header */
export const sealForm = (keys: TokenKeys, org: { readonly orgId: string; readonly shortId: string | undefined }, { command, middle }: BatchForm, { at, requestId }: BatchMoment): SealedBatch => {
  const tokenId = makeUuidV7(at)
  const isOfSecondStep = command.mfa === true
  const plaintext = Buffer.from(`["${tokenId}",${at},${middle},${requestId === undefined ? 'null' : JSON.stringify(requestId)}${isOfSecondStep ? ',true' : ''}]`, 'utf8')
  // A token that has no more to say than format 1 can is of that format: releases before the other one take it.
  const text = formatBatchToken(sealBatchToken(keys.purpose('tokens'), org.orgId, plaintext, isOfSecondStep ? 2 : 1), org.shortId)
  if (text.length > MAX_TEXT) throw fail('invalid_request', 'token.batch_too_long', `A batch token carries its policies and metadata, and this one would be longer than ${MAX_TEXT} characters. Give it fewer, or use a service token.`, { field: 'type' })
  return { text, tokenId }
}

/** What opening the text would give. */
export const rowOfForm = ({ command, mountId, role }: Omit<BatchForm, 'middle'>, tokenId: string, { at, requestId }: BatchMoment): TokenRow => ({
  tokenId, accessor: '', principalId: command.principalId, parentId: command.parentId, displayName: command.displayName, policies: command.policies, root: false, lockMountId: command.lockMountId, lockEnvironment: command.lockEnvironment,
  issuePath: command.issuePath, boundCidrs: command.boundCidrs, metadata: command.metadata, numUses: 0, ttlSeconds: command.ttlSeconds, periodSeconds: 0, explicitMaxTtlSeconds: 0, renewable: false, issuedAt: at, expiresAt: at + command.ttlSeconds * 1000, lastRenewedAt: undefined, mfa: command.mfa === true, rowVersion: 1,
  batch: { mountId, role, requestId },
})

/** Makes one. */
export const sealBatch = (keys: TokenKeys, org: { readonly orgId: string; readonly shortId: string | undefined }, command: BatchCommand, facts: { readonly origin: BatchOrigin; readonly at: number }): IssuedToken => {
  const form = batchForm(command, facts.origin)
  const moment = { at: facts.at, requestId: facts.origin.requestId }
  const { text, tokenId } = sealForm(keys, org, form, moment)
  return { token: secret(text), row: rowOfForm(form, tokenId, moment) }
}

/** What a text says, when it was sealed by this organization. */
const open = (keys: TokenKeys, orgId: string, text: string): TokenRow | undefined => {
  const blob = batchTokenBytes(text)
  if (blob === undefined) return undefined
  for (const { key } of keys.purposeVersions('tokens')) {
    try {
      const plaintext = openBatchToken(key, orgId, blob)
      const sealed: unknown = JSON.parse(plaintext.toString('utf8'))
      wipe(plaintext)
      // What opens was sealed by sealBatch of this format.
      return rowOf(sealed as Sealed)
    } catch (error) {
      if (!(error instanceof OpenFailed)) throw error
    }
  }
  return undefined
}

/** Where what batch tokens depend on is looked up; from memory, as far as this worker may. */
export interface BatchPorts {
  /** Whether the role that gave a token is still the one that it was. */
  isRole(orgId: string, mark: RoleMark): Promise<boolean>
  /** Database time in milliseconds. */
  now(): number
  /** Undefined: there is no such principal. */
  grants(orgId: string, principalId: string): Promise<PrincipalGrants | undefined>
}

const parentOf = async (ports: TokenPorts, orgId: string, tokenId: string): Promise<TokenRow | undefined> => {
  const keys = await ports.keys(orgId)
  return (await ports.database.transaction(orgId, (tx) => findToken(tx, orgId, { tokenId }, keys.purposeVersions('rows')), { readOnly: true }))?.token
}

/** A live batch token with its grants. */
export const loadBatch = async (ports: TokenPorts, orgId: string, text: string): Promise<LoadedToken | undefined> => {
  const row = open(await ports.keys(orgId), orgId, text)
  if (row?.batch === undefined || (row.expiresAt ?? 0) <= ports.batch.now()) return undefined
  const { role } = row.batch
  const [parent, isRole, grants] = await Promise.all([
    row.parentId === undefined ? undefined : parentOf(ports, orgId, row.parentId),
    role === undefined || ports.batch.isRole(orgId, role),
    row.principalId === undefined ? undefined : ports.batch.grants(orgId, row.principalId),
  ])
  if (!isRole || (row.parentId !== undefined && parent === undefined) || (row.principalId !== undefined && grants === undefined)) return undefined
  // A token does not outlive what it was made from.
  const endsAt = Math.min(row.expiresAt ?? 0, parent?.expiresAt ?? Number.POSITIVE_INFINITY)
  return { token: row, endsAt, principal: grants?.principal, groups: grants?.groups ?? [], bindings: grants?.bindings ?? [], aliases: grants?.aliases ?? [] }
}
