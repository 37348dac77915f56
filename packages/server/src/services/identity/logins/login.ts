// From the verdict of an auth method to a token: the principal of the alias, the policy `default`, addresses, times, and the
// record. The method never sees the token. Who has logged in before costs one statement, and a batch token none.

import { anyCidrContains, parseCidr } from '../../../lib/cidr.ts'
import { reveal } from '../../../crypto/secret.ts'
import { auditedWrite } from '../../../kernel/audited-write.ts'
import type { LoginVerdict } from '../../../kernel/auth/method.ts'
import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import type { LoadedToken, PrincipalGrants, TokenRow } from '../../../kernel/identity.ts'
import { isUniqueViolation } from '../../../kernel/storage.ts'
import { ensureAlias, holderName, isGone, newHolder, retried, sameLabels, type AliasCommand, type KnownAlias } from '../aliases.ts'
import { followGroups, keepGroups } from '../groups/external.ts'
import type { LoginHolder } from '../mfa/service.ts'
import { insertToken, principalGrants } from '../token-repository.ts'
import type { TokenKeys, TokenPorts } from '../tokens.ts'
import { forOneRequest, issuable, issueRow, issueSealed, type Issuable, type LoginAnswer, type LoginOf, type Setting } from './issuing.ts'
import { requireMount, type LoginWriter } from './writing.ts'

export interface LoginPorts extends TokenPorts {
  shortIdOf(orgId: string): Promise<string | undefined>
  /** Who an alias of a mount is, as far as this worker may say so from memory. */
  alias(orgId: string, mountId: string, name: string): Promise<KnownAlias | undefined>
  /** Whether any group is filled by what logins of the mount say. */
  fillsGroups(orgId: string, mountId: string): Promise<boolean>
  readonly writer: Pick<LoginWriter, 'write' | 'alone'>
  /** Begins to remember a token, before anything is read that it is made of. */
  fill(): TokenFill
}

/** How a worker comes to know a token that it made itself. */
export interface TokenFill {
  keep(orgId: string, text: string, loaded: LoadedToken): void
  /** Nothing, after `keep`. */
  end(): void
}

/** A login under way. */
interface Making {
  readonly call: Call
  readonly fill: TokenFill
}

const remembering = async <T>(ports: Pick<LoginPorts, 'fill'>, call: Call, work: (making: Making) => Promise<T>): Promise<T> => {
  const fill = ports.fill()
  try {
    return await work({ call, fill })
  } finally {
    fill.end()
  }
}

/** Once it is there: the token as whoever looked it up would find it. */
const keep = ({ fill }: Making, { orgId, holder }: Issuable, { clientToken }: LoginAnswer, token: TokenRow): void =>
  fill.keep(orgId, reveal(clientToken, 'for its name in the cache'), { token, ...(token.batch === undefined ? {} : { endsAt: token.expiresAt }), ...holder })

const MAX_ALIAS = 512
// What nobody sees in a record or a list, or what could end a line there.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/

const denied = (message: string): Error => fail('permission_denied', 'auth.denied', message)
const removed = (): Error => fail('conflict', 'principal.removed', 'The principal was removed meanwhile. Try again.')

const checkVerdict = (call: Call, { alias, token }: LoginVerdict): void => {
  if (alias === '' || alias.length > MAX_ALIAS || UNSEEN.test(alias) || !alias.isWellFormed()) throw fail('invalid_request', 'auth.bad_alias', 'The name that the credential carries cannot be used: it is empty, too long, or has characters that cannot be seen.')
  if (token.boundCidrs.length === 0) return
  const ranges = token.boundCidrs.map(parseCidr).filter((range) => range !== undefined)
  if (call.sourceIp === undefined || !anyCidrContains(ranges, call.sourceIp)) throw denied('The address from which you log in is not allowed to.')
}

const requireEnabled = ({ principal }: PrincipalGrants): void => {
  if (principal.disabled) throw denied('permission denied')
}

/**
 * For a login that is remembered: one statement for a token with a row, none for one without. To be called in the turn in which it was asked what is known.
 * A token without a row says itself what it is, and whose it is has just been remembered: its first use asks nobody either.
 */
export const issue = async (ports: Pick<LoginPorts, 'writer' | 'fill'>, call: Call, of: Issuable): Promise<LoginAnswer> =>
  of.form !== undefined ? issueSealed(call, of, of.form).answer : remembering(ports, call, async (making) => {
    const answer = await issueKnown(ports, making, of)
    if (answer === undefined) throw removed()
    return answer
  })

/** Undoes what a write that did not happen leaves in its call: its record belongs to nothing that was written, and nor does what it said. */
const forgetting = (call: Call): (() => void) => {
  const { resourceId, metadata } = call.audit
  return () => {
    call.dropKeptRecords()
    Object.assign(call.audit, { resourceId, metadata })
  }
}

/** For somebody who is known. Undefined: he was deleted meanwhile. */
const issueKnown = async ({ writer }: Pick<LoginPorts, 'writer'>, making: Making, of: Issuable): Promise<LoginAnswer | undefined> => {
  const { call } = making
  if (of.form !== undefined) {
    const { answer, row } = issueSealed(call, of, of.form)
    keep(making, of, answer, row())
    return answer
  }
  const forget = forgetting(call)
  const { answer, token } = issueRow(call, of)
  try {
    await writer.write(of.orgId, { mount: of.mount, token, record: call.writeRecord() }, of.keys.purpose('rows'))
  } catch (error) {
    if (!isGone(error)) throw error
    forget()
    return undefined
  }
  keep(making, of, answer, token.row)
  return answer
}

const commandOf = ({ mount, verdict }: Pick<LoginOf, 'mount' | 'verdict'>, call: Call): AliasCommand => ({ mountId: mount.mountId, mountPath: mount.path, name: verdict.alias, kind: verdict.kind, metadata: verdict.aliasMetadata ?? verdict.metadata, at: Math.trunc(call.now()) })

/** For somebody whom nobody has seen: one statement. Undefined: somebody has, or the name is another's. Nothing that workers remember is about somebody new, so no feed tells of it. */
const makeFirst = async (ports: LoginPorts, making: Making, of: LoginOf, setting: Setting): Promise<LoginAnswer | undefined> => {
  const { call } = making
  const command = commandOf(of, call)
  const { principal, alias } = newHolder(command, holderName(command))
  const forget = forgetting(call)
  const made = issuable(setting, of, { principal, groups: [], bindings: [], aliases: [alias] })
  const { answer, token, row } = made.form === undefined ? issueRow(call, made) : { ...issueSealed(call, made, made.form), token: undefined }
  try {
    await ports.writer.write(call.orgId, { mount: made.mount, holder: { principal, alias }, token, record: call.writeRecord() }, setting.keys.purpose('rows'))
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    forget()
    return undefined
  }
  keep(making, made, answer, row())
  return answer
}

/** Whether what was decided before it was known whom the token is for holds for its holder. @throws what the login is refused with */
export type Recheck = ((holder: PrincipalGrants) => void) | undefined

/** For a first login that was not the first after all, one whose metadata are others than before, or one whose issuer fills groups: everything in one transaction with the record. */
const makeNew = (ports: LoginPorts, call: Call, of: LoginOf, setting: Setting, recheck: Recheck): Promise<LoginAnswer> =>
  ports.writer.alone(() => auditedWrite(ports.database, call, { confirm: true }, async (tx, note) => {
    const { mount, verdict } = of
    const { keys } = setting
    await requireMount(tx, call.orgId, mount)
    const principal = await ensureAlias(keys, tx, { orgId: call.orgId, note }, commandOf(of, call))
    // Before there is a token: whoever locks the principal must not hold a share of it already.
    const said = verdict.groups === undefined ? undefined : { principalId: principal.principalId, mountId: mount.mountId, groups: verdict.groups }
    if (said !== undefined && !principal.disabled) await followGroups(keys, tx, call.orgId, said, note)
    const holder = await principalGrants(tx, call.orgId, principal.principalId, keys.purposeVersions('rows'))
    if (holder === undefined) throw removed()
    requireEnabled(holder)
    recheck?.(holder)
    const made = issuable(setting, of, holder)
    if (made.form !== undefined) return issueSealed(call, made, made.form).answer
    const { answer, token } = issueRow(call, made)
    await insertToken(tx, call.orgId, token.row, token.lookup, keys.purpose('rows'))
    if (said !== undefined) await keepGroups(keys, tx, call.orgId, token.row.tokenId, said)
    return answer
  }))

/** Whom a login is for, in which groups as of this login; made if it is the first. What is written has a record of its own: whether there will be a token is yet to be seen. */
const makeHolder = async (ports: LoginPorts, call: Call, of: Pick<LoginOf, 'mount' | 'verdict'>, keys: TokenKeys): Promise<PrincipalGrants> => {
  const { mount, verdict } = of
  const found = await retried(() => ports.writer.alone(() => auditedWrite(ports.database, call, { action: 'auth.holder', confirm: true }, async (tx, note) => {
    await requireMount(tx, call.orgId, mount)
    const principal = await ensureAlias(keys, tx, { orgId: call.orgId, note }, commandOf(of, call))
    call.audit.resourceId = principal.principalId
    call.audit.metadata = { ...call.audit.metadata, principal: principal.name }
    if (verdict.groups !== undefined && !principal.disabled) await followGroups(keys, tx, call.orgId, { principalId: principal.principalId, mountId: mount.mountId, groups: verdict.groups }, note)
    return principalGrants(tx, call.orgId, principal.principalId, keys.purposeVersions('rows'))
  })))
  call.keepRecord()
  if (found === undefined) throw removed()
  requireEnabled(found)
  return found
}

/**
 * For what must be known of whom a login is for before there is a token. Somebody new is made only when it is asked for; but into which groups an issuer puts somebody is known only when he is in them.
 * @throws permission_denied for another address than allowed or a disabled principal
 */
export const holderOf = async (ports: LoginPorts, call: Call, of: Pick<LoginOf, 'mount' | 'verdict'>): Promise<LoginHolder> => {
  const { mount, verdict } = of
  checkVerdict(call, verdict)
  const [keys, alias, fillsGroups] = await Promise.all([ports.keys(call.orgId), ports.alias(call.orgId, mount.mountId, verdict.alias), verdict.groups !== undefined && ports.fillsGroups(call.orgId, mount.mountId)])
  const make = (): Promise<PrincipalGrants> => makeHolder(ports, call, of, keys)
  const known = fillsGroups ? await make() : alias === undefined ? undefined : await ports.batch.grants(call.orgId, alias.principalId)
  if (known === undefined) return { known, make }
  requireEnabled(known)
  return { known, make: async () => known }
}

interface Known {
  readonly setting: Setting
  readonly alias: KnownAlias | undefined
  readonly fillsGroups: boolean
  /** Somebody who is known, and of whom the login says nothing new. */
  readonly holder: PrincipalGrants | undefined
}

const lookUp = async (ports: LoginPorts, orgId: string, { mount, verdict }: LoginOf): Promise<Known> => {
  const wanted = verdict.aliasMetadata ?? verdict.metadata
  const [keys, shortId, alias, fillsGroups] = await Promise.all([ports.keys(orgId), ports.shortIdOf(orgId), ports.alias(orgId, mount.mountId, verdict.alias), verdict.groups !== undefined && ports.fillsGroups(orgId, mount.mountId)])
  const holder = alias !== undefined && !fillsGroups && sameLabels(alias.metadata, wanted) ? await ports.batch.grants(orgId, alias.principalId) : undefined
  return { setting: { orgId, keys, shortId }, alias, fillsGroups, holder }
}

/** Makes the token of a verdict. @throws permission_denied for another address than allowed or a disabled principal */
export const mint = async (ports: LoginPorts, call: Call, given: LoginOf, recheck?: Recheck): Promise<LoginAnswer> => {
  const of = call.isForOneRequest === true ? forOneRequest(given) : given
  checkVerdict(call, of.verdict)
  return remembering(ports, call, async (making) => {
    const { setting, alias, fillsGroups, holder } = await lookUp(ports, call.orgId, of)
    if (holder !== undefined) {
      requireEnabled(holder)
      recheck?.(holder)
      const answer = await issueKnown(ports, making, issuable(setting, of, holder))
      if (answer !== undefined) return answer
    }
    const first = alias === undefined && !fillsGroups ? await makeFirst(ports, making, of, setting) : undefined
    return first ?? retried(() => makeNew(ports, call, of, setting, recheck))
  })
}

/** The same for a login that is to come again: undefined when this one would change anything, or is not allowed to. */
export const prepareAgain = async (ports: LoginPorts, orgId: string, of: LoginOf): Promise<{ readonly issuable: Issuable; readonly once: Issuable; readonly aliasId: string } | undefined> => {
  const { setting, alias, holder } = await lookUp(ports, orgId, of)
  if (alias === undefined || holder === undefined || holder.principal.disabled) return undefined
  return { issuable: issuable(setting, of, holder), once: issuable(setting, forOneRequest(of), holder), aliasId: alias.aliasId }
}

