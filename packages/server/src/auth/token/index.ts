// auth/token: Vault's token store over the product's tokens. Built in: it is no mount and cannot be disabled.

import { secret, reveal, type Secret } from '../../crypto/secret.ts'
import type { Action, Call, Caller, Grant } from '../../kernel/call.ts'
import { fail } from '../../kernel/errors.ts'
import type { TokenRow } from '../../kernel/identity.ts'
import { implement, type Handlers, type Implemented } from '../../kernel/operation.ts'
import type { SealedState, TokenStore, TtlBounds } from '../../kernel/ports/tokens.ts'
import { createToken, requireCaller } from './create.ts'
import * as contracts from './operations.ts'
import { findRole, roleOperations } from './roles.ts'
import { ttlOf } from './ttl.ts'
import { authOf, factsOf, roleOf } from './views.ts'

export interface TokenParts {
  readonly store: TokenStore
  /** Token roles. */
  readonly state: SealedState
  bounds(orgId: string): Promise<TtlBounds>
  /** Asks the method that gave the token. @throws when it may not be renewed by this call */
  checkRenewal(call: Call, row: TokenRow): Promise<void>
  readonly rootOrgId: string
}

const { readRole: _readRole, writeRole: _writeRole, deleteRole: _deleteRole, listRoles: _listRoles, ...operations } = contracts
type Handled = Handlers<typeof operations>

const bad = (code: string, message: string, field?: string): Error => fail('invalid_request', code, message, field === undefined ? {} : { field })
const ask = (call: Call, action: Action, name: string, sudo = false): Grant => call.authorise(action, { kind: 'token', apiPath: `auth/token/${name}`, sudo })
const textOf = (token: Secret<string> | undefined): string => (token === undefined ? '' : reveal(token, 'to find the token that is asked about'))

const requireToken = (token: Secret<string> | undefined): string => {
  const text = textOf(token)
  if (text === '') throw bad('token.missing_id', 'missing token ID', 'token')
  return text
}

/** How Vault words what it gathers into a list of one. */
const listed = (message: string): string => `1 error occurred:\n\t* ${message}\n\n`

const byAccessor = async (store: TokenStore, call: Call, accessor: string): Promise<TokenRow> => {
  if (accessor === '') throw bad('token.missing_accessor', listed('missing accessor'), 'accessor')
  const row = await store.find(call.orgId, { accessor })
  if (row === undefined) throw bad('token.bad_accessor', listed('invalid accessor'), 'accessor')
  return row
}

const noteOf = (call: Call, row: TokenRow): void => {
  call.audit.resourceId = row.tokenId
}

const making = ({ store, state, bounds, rootOrgId }: TokenParts): Pick<Handled, 'create' | 'createOrphan' | 'createWithRole'> => ({
  create: async (input, call) => createToken(store, await bounds(call.orgId), call, input, { path: 'auth/token/create', orphan: false, role: undefined, isRootOrg: call.orgId === rootOrgId, rolesId: state.mountId }),
  createOrphan: async (input, call) => createToken(store, await bounds(call.orgId), call, input, { path: 'auth/token/create-orphan', orphan: true, role: undefined, isRootOrg: call.orgId === rootOrgId, rolesId: state.mountId }),
  async createWithRole(input, call) {
    const path = `auth/token/create/${input.role}`
    call.authorise('update', { kind: 'token', apiPath: path })
    const role = await findRole(state, call.orgId, input.role)
    if (role === undefined) throw bad('token.unknown_role', `unknown role ${input.role}`, 'role')
    return createToken(store, await bounds(call.orgId), call, input, { path, orphan: false, role, isRootOrg: call.orgId === rootOrgId, rolesId: state.mountId })
  },
})

const looking = ({ store }: TokenParts): Pick<Handled, 'lookupSelf' | 'lookupSelfByPost' | 'lookup' | 'lookupOwn' | 'lookupAccessor'> => {
  const shown = async (row: TokenRow | undefined, orgId: string, token: Secret<string> | undefined, call: Call) => {
    if (row === undefined) throw fail('permission_denied', 'token.bad', 'bad token')
    const [identityPolicies, namespacePath] = await Promise.all([store.identityPolicies(orgId, row.principalId), store.namespaceOf(orgId)])
    return factsOf(row, { token, identityPolicies, namespacePath }, call.now())
  }
  const self = async (call: Call, presented: Secret<string>, action: Action) => {
    ask(call, action, 'lookup-self')
    const caller = requireCaller(call)
    return shown(await store.own(caller), caller.orgId, presented, call)
  }
  const any = async (call: Call, token: Secret<string> | undefined, presented: Secret<string>, action: Action) => {
    ask(call, action, 'lookup')
    const wanted = textOf(token) === '' ? presented : (token ?? presented)
    const caller = requireCaller(call)
    return wanted === presented ? shown(await store.own(caller), caller.orgId, presented, call) : shown(await store.find(call.orgId, { token: textOf(wanted) }), call.orgId, wanted, call)
  }
  return {
    lookupSelf: (input, call) => self(call, input.presented, 'read'),
    lookupSelfByPost: (input, call) => self(call, input.presented, 'update'),
    lookup: (input, call) => any(call, input.token, input.presented, 'update'),
    lookupOwn: (input, call) => any(call, input.token, input.presented, 'read'),
    async lookupAccessor(input, call) {
      ask(call, 'update', 'lookup-accessor')
      return shown(await byAccessor(store, call, input.accessor), call.orgId, undefined, call)
    },
  }
}

/** What a token does to itself it does in its own organization. */
const requireHome = (call: Call): Caller => {
  const caller = requireCaller(call)
  if (caller.orgId !== call.orgId) throw bad('token.other_namespace', 'the token belongs to another namespace; repeat the request without naming one')
  return caller
}

/** Batch tokens are nowhere that anything could be changed. */
const requireService = (row: TokenRow, what: string): void => {
  if (row.batch !== undefined) throw bad('token.batch', `batch tokens cannot be ${what}`)
}

const renewing = ({ store, bounds, state, checkRenewal }: TokenParts): Pick<Handled, 'renewSelf' | 'renew' | 'renewAccessor'> => {
  /** A token of a role is renewed as the role says now. */
  const settingsOf = async (orgId: string, row: TokenRow): Promise<Pick<TokenRow, 'periodSeconds' | 'explicitMaxTtlSeconds'>> => {
    const name = roleOf(row)
    if (name === undefined) return row
    const role = await findRole(state, orgId, name)
    if (role === undefined) throw bad('token.role_gone', `original token role ${JSON.stringify(name)} could not be found, not renewing`)
    const explicit = [role.tokenExplicitMaxTtl, row.explicitMaxTtlSeconds].filter((each) => each > 0)
    return { periodSeconds: role.tokenPeriod, explicitMaxTtlSeconds: explicit.length === 0 ? 0 : Math.min(...explicit) }
  }
  const longer = async (grant: Grant, call: Call, { row, token, increment }: { readonly row: TokenRow | undefined; readonly token: Secret<string> | undefined; readonly increment: number }) => {
    if (row === undefined) throw bad('token.not_there', 'token not found')
    noteOf(call, row)
    requireService(row, 'renewed')
    if (!row.renewable || row.expiresAt === undefined) throw bad('token.not_renewable', 'lease is not renewable')
    await checkRenewal(call, row)
    const { periodSeconds, explicitMaxTtlSeconds } = await settingsOf(call.orgId, row)
    const limits = await bounds(call.orgId)
    const warnings: string[] = []
    const renewed = await store.renew(grant, call, row.tokenId, (at, now) => {
      const wishes = { ttlSeconds: increment > 0 ? increment : at.ttlSeconds, periodSeconds, explicitMaxSeconds: explicitMaxTtlSeconds, ageSeconds: Math.max(0, Math.floor((now - at.issuedAt) / 1000)) }
      const ttl = ttlOf(wishes, limits)
      warnings.splice(0, warnings.length, ...ttl.warnings)
      return now + ttl.seconds * 1000
    })
    const leaseSeconds = Math.max(0, Math.round(((renewed.expiresAt ?? 0) - (renewed.lastRenewedAt ?? 0)) / 1000))
    return { auth: authOf(renewed, { token, leaseSeconds, identityPolicies: await store.identityPolicies(call.orgId, renewed.principalId) }), ...(warnings.length === 0 ? {} : { warnings }) }
  }
  return {
    async renewSelf(input, call) {
      const grant = ask(call, 'update', 'renew-self')
      return longer(grant, call, { row: await store.own(requireHome(call)), token: input.presented, increment: input.increment })
    },
    async renew(input, call) {
      const grant = ask(call, 'update', 'renew')
      const text = requireToken(input.token)
      return longer(grant, call, { row: await store.find(call.orgId, { token: text }), token: secret(text), increment: input.increment })
    },
    async renewAccessor(input, call) {
      const grant = ask(call, 'update', 'renew-accessor')
      return longer(grant, call, { row: await byAccessor(store, call, input.accessor), token: undefined, increment: input.increment })
    },
  }
}

const revoking = ({ store }: TokenParts): Pick<Handled, 'revokeSelf' | 'revoke' | 'revokeAccessor' | 'revokeOrphan'> => {
  const end = async (grant: Grant, call: Call, row: TokenRow | undefined): Promise<Record<string, never>> => {
    // A token that is gone is revoked: saying so twice is harmless.
    if (row === undefined) return {}
    noteOf(call, row)
    requireService(row, 'revoked')
    await store.revoke(grant, call, row.tokenId)
    return {}
  }
  return {
    revokeSelf: async (_input, call) => end(ask(call, 'update', 'revoke-self'), call, await store.own(requireHome(call))),
    async revoke(input, call) {
      const grant = ask(call, 'update', 'revoke')
      return end(grant, call, await store.find(call.orgId, { token: requireToken(input.token) }))
    },
    async revokeAccessor(input, call) {
      const grant = ask(call, 'update', 'revoke-accessor')
      if (input.accessor === '') throw bad('token.missing_accessor', listed('missing accessor'), 'accessor')
      const row = await store.find(call.orgId, { accessor: input.accessor })
      return row === undefined ? { warnings: ['No token found with this accessor'] } : end(grant, call, row)
    },
    async revokeOrphan(input, call) {
      const grant = ask(call, 'update', 'revoke-orphan', true)
      const row = await store.find(call.orgId, { token: requireToken(input.token) })
      if (row === undefined) throw bad('token.not_there', 'token to revoke not found', 'token')
      noteOf(call, row)
      requireService(row, 'revoked')
      await store.revokeOrphan(grant, call, row.tokenId)
      return {}
    },
  }
}

export const tokenOperations = (parts: TokenParts): readonly Implemented[] => [
  ...implement(operations, {
    ...making(parts),
    ...looking(parts),
    ...renewing(parts),
    ...revoking(parts),
    async accessors(_input, call) {
      const keys = await parts.store.accessors(ask(call, 'list', 'accessors/', true), call)
      if (keys.length === 0) throw fail('not_found', 'token.none', 'There are no tokens.')
      return { keys }
    },
    async tidy(_input, call) {
      await parts.store.tidy(ask(call, 'update', 'tidy'), call)
      return { warnings: ["Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs."] }
    },
  }),
  ...roleOperations(parts.state),
]
