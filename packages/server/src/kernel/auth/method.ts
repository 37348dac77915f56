// An auth method, as the catalogue lists it: a folder with contracts and handlers that somebody mounts below `auth/`. A
// login returns a verdict about who it is; the core makes the token, applies addresses and times, counts, locks and records.

import type { Call, Resource, Action, Grant } from '../call.ts'
import { fail } from '../errors.ts'
import { f, type Fields } from '../fields.ts'
import type { Handler, Implemented, Operation } from '../operation.ts'
import type { JsonObject } from '../../lib/json.ts'
import type { RoleMark, TokenRow } from '../identity.ts'
import type { SealedStore, SealedView } from '../ports/sealed-store.ts'
import type { Mount } from '../tenancy.ts'
import type { Directories } from './directory.ts'
import type { TokenSettings } from './token-settings.ts'

/** Who a credential says that its holder is, and what a token for it may be. */
export interface LoginVerdict {
  /** Names the holder within the mount: the same alias is the same principal. */
  readonly alias: string
  /** Behind the mount's path in the token's display name; may be empty. */
  readonly displayName: string
  readonly kind: 'user' | 'workload'
  /** Goes into the token and the answer. */
  readonly metadata: Readonly<Record<string, string>>
  /** Goes to the principal's alias, for policy templates; the token's when absent. */
  readonly aliasMetadata?: Readonly<Record<string, string>>
  /** Names of groups that the issuer says the holder is in, for group aliases. */
  readonly groups?: readonly string[]
  readonly token: TokenSettings
  /** The record that gives the token: with it end the batch tokens that it gave. */
  readonly role?: Pick<RoleMark, 'key' | 'uid'>
  /**
   * The same credential will be judged the same, from addresses within each of these lists that is not empty, until that moment of database time or
   * until an entry changes that `remembered` gave. Absent: it is to be judged anew each time, for its uses are counted, or for what only the method can tell.
   */
  readonly holds?: { readonly untilMs: number; readonly within: readonly (readonly string[])[] }
}

/** One answer of a server that a method asks. */
export interface OutboundAnswer {
  readonly status: number
  readonly body: Buffer
  /** Without parameters, in lower case; empty when the answer names none. */
  readonly contentType?: string
}

export interface OutboundRequest {
  readonly url: string
  readonly method?: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** PEM; instead of the system's authorities. */
  readonly caPem?: string | undefined
}

/** Requests to servers that an administrator named: bounded in time and size, without redirects. */
export interface Outbound {
  /** @throws upstream_failed, without the address's user or query */
  ask(request: OutboundRequest): Promise<OutboundAnswer>
}

export interface DatagramRequest<T> {
  readonly host: string
  readonly port: number
  readonly packet: Buffer
  readonly timeoutMs: number
  /** What an answer says; undefined for what is none. */
  readonly read: (bytes: Buffer) => T | undefined
}

/** Questions by UDP to servers that an administrator named. */
export interface Datagrams {
  /** @throws upstream_failed when no answer comes in time */
  ask<T>(request: DatagramRequest<T>): Promise<T>
}

/** Where the keys are that sign an issuer's tokens. */
export type KeySource =
  | { readonly kind: 'pem'; readonly keys: readonly string[] }
  | { readonly kind: 'jwks'; readonly url: string; readonly caPem: string | undefined }
  | { readonly kind: 'discovery'; readonly url: string; readonly caPem: string | undefined }

/** JSON Web Tokens, verified by their signature; times and claims are the caller's to judge. */
export interface SignedTokens {
  /** @throws an error with a `code` that starts with `jws_` for a bad token, upstream_failed when the issuer does not answer */
  verify(token: string, source: KeySource, algorithms: readonly string[]): Promise<{ readonly claims: JsonObject; readonly issuer: string | undefined }>
  /** Whether the keys are there and can be read. @throws as verify does */
  check(source: KeySource): Promise<void>
}

export interface Passwords {
  /** @throws invalid_request when it is too long, unavailable when too many wait */
  hash(password: string): Promise<string>
  /** Does the same work without a stored hash. @throws unavailable when too many wait */
  verify(password: string, stored: string | undefined): Promise<boolean>
}

/** The longest lives that a mount gives. */
export interface MountLimits {
  readonly defaultTtlSeconds: number
  readonly maxTtlSeconds: number
}

/** What auth methods may ask of the core. */
export interface AuthParts {
  /** The sealed state of the mount that a call came through. */
  store(call: Call): SealedStore
  /** The same as this worker remembers it, for what logins read: entries that only `change` writes. Not to be modified. */
  remembered(call: Call): Pick<SealedView, 'get'>
  limits(mount: Mount): MountLimits
  readonly passwords: Passwords
  readonly outbound: Outbound
  readonly directories: Directories
  readonly datagrams: Datagrams
  readonly signedTokens: SignedTokens
  /** A random name that is never given twice. */
  makeId(): string
}

/** An operation that logs in. */
export interface Login {
  readonly operation: Operation
  /** What the caller says that its name is, for the record of a failure and for locking; undefined when it says none. */
  readonly nameOf: (input: Readonly<Record<string, unknown>>, call: Call) => string | undefined
  readonly verify: (input: Readonly<Record<string, unknown>>, call: Call) => Promise<LoginVerdict>
  /** Everything of the input that a verdict which `holds` depends upon. Absent, or undefined for an input: no login is remembered. */
  readonly credentialOf?: ((input: Readonly<Record<string, unknown>>) => string | undefined) | undefined
}

/** Whether a token that the method gave may be renewed by this call, which comes through its mount. @throws when it may not */
export type RenewalCheck = (token: Pick<TokenRow, 'metadata'>, call: Call) => Promise<void>

export interface AuthMethod {
  /** As mounts name it. */
  readonly type: string
  readonly summary: string
  /** Whether names are locked after failed logins, as Vault does for methods with a shared secret. */
  readonly lockable: boolean
  /** Its secrets are long and random: a count of failures may be as old as what this worker remembers. */
  readonly isUnguessable?: boolean
  implement(parts: AuthParts): { readonly operations: readonly Implemented[]; readonly logins: readonly Login[]; readonly checkRenewal?: RenewalCheck }
}

export const defineAuthMethod = (method: AuthMethod): AuthMethod => Object.freeze(method)

type InputOf<Op> = Handler<Op> extends (input: infer I, call: Call) => unknown ? I : never

/** Joins the contract of a login with what verifies it. */
export const login = <const Op extends { readonly id: string; readonly input: Fields; readonly output: Fields }>(
  operation: Op,
  verifier: { readonly nameOf: (input: InputOf<Op>, call: Call) => string | undefined; readonly verify: (input: InputOf<Op>, call: Call) => Promise<LoginVerdict>; readonly credentialOf?: (input: InputOf<Op>) => string | undefined },
): Login => ({
  // The parameter's types prove that contract and verifier belong together; the list of logins forgets it.
  operation: operation as unknown as Operation,
  nameOf: verifier.nameOf as unknown as Login['nameOf'],
  verify: verifier.verify as unknown as Login['verify'],
  credentialOf: verifier.credentialOf as unknown as Login['credentialOf'],
})

/** The answer to every login, as Vault has it. */
export const loginOutput = {
  auth: f.object('The token', {
    clientToken: f.secret('Token', { max: 9000 }),
    accessor: f.text('Names the token without giving its rights', { max: 128 }),
    policies: f.list('All policies', f.text('Policy', { max: 256 }), { max: 1000 }),
    tokenPolicies: f.list('Policies of the token', f.text('Policy', { max: 256 }), { max: 1000 }),
    identityPolicies: f.list('Policies of the principal and its groups', f.text('Policy', { max: 256 }), { max: 1000 }).optional(),
    metadata: f.labels('Metadata', { maxKeys: 128, maxKey: 512, maxValue: 4096 }).nullable(),
    leaseDuration: f.int('Seconds until it expires', { min: 0, max: Number.MAX_SAFE_INTEGER }),
    renewable: f.bool('Whether it can be renewed'),
    entityId: f.text('Id of the principal', { max: 64 }),
    tokenType: f.choice('Type; default while a second step is missing', ['service', 'batch', 'default']),
    orphan: f.bool('Whether it lives by itself'),
    mfaRequirement: f.json('The second step that is missing: there is no token yet', { maxBytes: 256 * 1024 }).nullable(),
    numUses: f.int('Uses; 0: unlimited', { min: 0, max: Number.MAX_SAFE_INTEGER }),
  }),
}

/** The code of a failure that says no more than that name and proof do not fit; counted for locking. */
export const INVALID_CREDENTIALS = 'auth.invalid_credentials'

/** The mount that an operation of a method was reached through. */
export const mountOf = (call: Call): Mount => {
  if (call.mount === undefined) throw fail('internal', 'auth.no_mount', 'The operation was not reached through a mount.')
  return call.mount
}

/** The same call as if it had come through this mount. */
export const throughMount = (call: Call, mount: Mount): Call =>
  new Proxy(call, {
    get(target, name) {
      if (name === 'mount') return mount
      const value: unknown = Reflect.get(target, name, target)
      // Its methods may need the call itself.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })

/** What a policy must allow for an operation on a path of the mount. */
export const authResource = (call: Call, path: string): Resource => ({ kind: 'auth', apiPath: `auth/${mountOf(call).path}/${path}` })

/**
 * The grant for an operation on a path of the mount. Records are found whatever the case of their names, so a rule about `users/root1` is about
 * `users/ROOT1` as well: another spelling than the lower-case one is allowed what that is allowed. Only where the policy itself names the
 * other spelling, and none forbids the lower-case one, is that enough, as it is in Vault. @throws permission_denied
 */
export const authorised = (call: Call, action: Action, path: string): Grant => {
  const grant = call.authorise(action, authResource(call, path))
  const spelt = path.split('/').filter((each) => each !== each.toLowerCase())
  if (spelt.length === 0) return grant
  const usual = authResource(call, path.toLowerCase())
  const verdict = call.allows(action, usual)
  const isNamed = spelt.every((each) => grant.rule.includes(each))
  if (!verdict.allow && !(isNamed && verdict.rule === 'default-deny')) call.authorise(action, usual)
  return grant
}
