// One login: around what its method says stand the lock, the second step, the record and the token. Credentials that come again and were found good are
// remembered, and cost only their token.

import { sha256Base64Url } from '../../crypto/digest.ts'
import { secret } from '../../crypto/secret.ts'
import { mountOf, type AuthMethod, type AuthParts, type Login, type LoginVerdict } from '../../kernel/auth/method.ts'
import type { Call } from '../../kernel/call.ts'
import { fail, isCofferError } from '../../kernel/errors.ts'
import type { Implemented } from '../../kernel/operation.ts'
import type { SealedEntry } from '../../kernel/ports/sealed-store.ts'
import type { Mount } from '../../kernel/tenancy.ts'
import { Recent } from '../../lib/recent.ts'
import { hmacIdentifier } from '../../services/audit/records.ts'
import type { CacheRegion } from '../../services/freshness/cache.ts'
import { failuresOf, lockEntry, locking } from '../../services/identity/lockout.ts'
import { Tries } from '../../services/identity/tries.ts'
import { isGoodFor, knownLogin, type KnownLogin } from '../../services/identity/logins/known.ts'
import { issueSealed, type LoginAnswer } from '../../services/identity/logins/issuing.ts'
import { holderOf, issue, mint, prepareAgain, type LoginPorts } from '../../services/identity/logins/login.ts'
import { askForSteps, mayAsk, type MfaPorts, type MfaRequirement } from '../../services/identity/mfa/service.ts'
import { limitsOf, lockoutOf } from '../../services/tenancy/auth-mounts.ts'
import { uidOf } from '../memory.ts'
import type { OnceTokens } from './once.ts'
import { repeatable } from './repeating.ts'
import { lockedName, lockoutStore, type LockSources } from './locks.ts'

export interface LoginSources extends LockSources {
  readonly logins: LoginPorts
  readonly known: CacheRegion<KnownLogin | null>
  readonly once: Pick<OnceTokens, 'give' | 'repeatable'>
  /** Second steps. */
  readonly mfa: MfaPorts
  /** That share a port. */
  readonly workers: number
}

const KNOWN_BYTES = 6144
/** Credentials that were seen once; what never comes again is not worth remembering. */
const MOST_SEEN = 8192

/** Refusals say that somebody was turned away; the name that failed is in the record only as an HMAC. */
const noteRefusal = async (sources: LoginSources, call: Call, name: string | undefined, error: unknown): Promise<void> => {
  if (!isCofferError(error) || !['invalid_request', 'permission_denied', 'unauthenticated'].includes(error.kind)) return
  call.audit.denied = true
  if (name === undefined) return
  const keys = await sources.keyring.organization(call.orgId)
  call.audit.metadata = { ...call.audit.metadata, aliasHmac: hmacIdentifier(keys.purpose('audit'), name) }
}

/** The path with its parameters filled in. */
const filled = (pattern: string, input: Readonly<Record<string, unknown>>): string =>
  pattern.replace(/:([A-Za-z]+)\+?/g, (_all, name: string) => {
    const value = input[name]
    return typeof value === 'string' ? value : ''
  })

/** The answer to a login that needs a second step: no token, and what is missing. */
const withoutToken = (call: Call, mfaRequirement: MfaRequirement): Readonly<Record<string, unknown>> => {
  call.audit.metadata = { ...call.audit.metadata, mfa: 'required' }
  return { clientToken: secret(''), accessor: '', policies: [], tokenPolicies: [], metadata: null, leaseDuration: 0, renewable: false, entityId: '', tokenType: 'default', orphan: false, mfaRequirement, numUses: 0 }
}

type Input = Readonly<Record<string, unknown>>
/** The entries that a method has read for a call, by their names in the feed. */
type Readings = Map<string, SealedEntry | undefined>

/**
 * The record that gives the token is as the method found it. An issuer or a directory may take its time to answer, and whoever has changed the record or
 * deleted it meanwhile was told that this holds: a token by the record before is not handed out then.
 */
const requireSameRole = async ({ memory }: Pick<LoginSources, 'memory'>, { orgId }: Call, { mountId }: Mount, { role }: LoginVerdict, read: Readings): Promise<void> => {
  if (role === undefined) return
  const judged = read.get(`${mountId}/${role.key}`)
  const present = await memory.entry({ orgId, mountId }, role.key)
  if (judged !== undefined && judged === present) return
  if (present !== undefined && uidOf(present.value) === role.uid && (judged === undefined || judged.version === present.version)) return
  throw fail('unavailable', 'auth.role_changed', 'What gives the token was changed meanwhile. Log in again.', { retryAfterSeconds: 1 })
}

interface Running {
  readonly input: Input
  readonly call: Call
  readonly mount: Mount
  readonly readings: WeakMap<Call, Readings>
  readonly tries: Tries
}

/** A login as nobody remembers it. */
const runAnew = async (sources: LoginSources, method: AuthMethod, { operation, nameOf, verify }: Login, { input, call, mount, readings, tries }: Running): Promise<{ readonly auth: object; readonly verdict: LoginVerdict | undefined }> => {
  // The door finds the mount by the token's organization too; a login is of the organization that the request names.
  if ((await sources.registry(call.orgId)).mountById(mount.mountId) === undefined) throw fail('not_found', 'vault.no_handler', `no handler for route "auth/${mount.path}". route entry not found.`)
  call.audit.resourceType = 'auth'
  call.audit.metadata = { mount: mount.path, method: mount.type }
  // A method may ask its store, or another server.
  const alone = <T>(task: () => Promise<T>): Promise<T> => sources.logins.writer.alone(task)
  const read: Readings = new Map()
  readings.set(call, read)
  let name: string | undefined
  try {
    name = nameOf(input, call)
    const keys = await sources.keyring.organization(call.orgId)
    const lockable = method.lockable ? name : undefined
    const verdict = lockable !== undefined
      ? await locking({ store: lockoutStore(sources, call, { orgId: call.orgId, mountId: mount.mountId }), who: lockedName(keys, mount.mountId, lockable), config: lockoutOf(mount), isUnguessable: method.isUnguessable === true, tries, now: () => call.now(), inTurn: alone }, () => verify(input, call))
      : await alone(() => verify(input, call))
    const issuePath = `auth/${mount.path}${filled(operation.path, input)}`
    const { missing, givenBy, recheck } = await askForSteps(sources.mfa, call, { mount, verdict, issuePath, header: call.mfaHeader, holder: () => holderOf(sources.logins, call, { mount, verdict }) })
    if (missing !== undefined) return { auth: withoutToken(call, missing), verdict: undefined }
    await requireSameRole(sources, call, mount, verdict, read)
    const auth = await mint(sources.logins, call, { mount, verdict, limits: limitsOf(mount), issuePath, secondStepOf: givenBy }, recheck)
    // Writing it takes a moment, too. Nobody has been told the token yet, and nobody will be.
    await requireSameRole(sources, call, mount, verdict, read)
    return { auth, verdict }
  } catch (error) {
    await noteRefusal(sources, call, name, error)
    throw error
  }
}

/** Judges a good credential once more, without effects, and notes everything that the verdict and the token depend upon. */
const learn = async (sources: LoginSources, method: AuthMethod, { operation, nameOf, verify }: Login, { input, call, mount, readings }: Running): Promise<{ readonly value: KnownLogin | null; readonly tags: readonly string[] }> => {
  const { orgId } = call
  const nothing = { value: null, tags: [] }
  // Read before this began to be remembered: whatever has changed it since then would not forget it.
  if ((await sources.registry(orgId)).mountById(mount.mountId) !== mount) return nothing
  const read: Readings = new Map()
  readings.set(call, read)
  const verdict = await sources.logins.writer.alone(() => verify(input, call))
  readings.delete(call)
  const name = nameOf(input, call)
  if (verdict.holds === undefined || (await mayAsk(sources.mfa, orgId, mount))) return nothing
  if (method.lockable && name !== undefined) {
    const who = lockedName(await sources.keyring.organization(orgId), mount.mountId, name)
    if ((await failuresOf(lockoutStore(sources, call, { orgId, mountId: mount.mountId }), who)) > 0) return nothing
    read.set(`${mount.mountId}/${lockEntry(who)}`, undefined)
  }
  const made = await prepareAgain(sources.logins, orgId, { mount, verdict, limits: limitsOf(mount), issuePath: `auth/${mount.path}${filled(operation.path, input)}` })
  const value = made === undefined ? undefined : knownLogin(verdict, made)
  if (made === undefined || value === undefined) return nothing
  const tags = [`org:${orgId}`, `principal:${value.issuable.holder.principal.principalId}`, `alias:${made.aliasId}`, ...[...read.keys(), sources.mfa.remembered].map((key) => `state:${orgId}/${key}`)]
  return { value, tags }
}

const repeat = async ({ logins, once, known: remembered }: LoginSources, call: Call, key: string, known: KnownLogin): Promise<LoginAnswer> => {
  const { form } = known.once
  if (call.isForOneRequest !== true || form === undefined) {
    if (known.issuable.form !== undefined) call.noteLogin?.(repeatable(remembered, { key, known }))
    return issue(logins, call, known.issuable)
  }
  const made = issueSealed(call, known.once, form)
  // What cannot be handed over is found by the token's text, and what is wrong with it is said there.
  await once.give(key, known, made).catch(() => undefined)
  call.noteLogin?.(once.repeatable(key, known))
  return made.answer
}

export interface LoginRunner {
  readonly remembered: AuthParts['remembered']
  handle(method: AuthMethod, login: Login): Implemented['handle']
}

export const makeLoginRunner = (sources: LoginSources): LoginRunner => {
  const readings = new WeakMap<Call, Readings>()
  const seen = new Recent<string, true>(MOST_SEEN)
  const tries = new Tries(sources.workers)
  return {
    remembered: (call) => {
      const { mountId } = mountOf(call)
      const place = { orgId: call.orgId, mountId }
      const read = readings.get(call)
      return {
        async get(key) {
          // Known before it is there: what is learned goes by everything that was asked for.
          read?.set(`${mountId}/${key}`, undefined)
          const entry = await sources.memory.entry(place, key)
          read?.set(`${mountId}/${key}`, entry)
          return entry
        },
      }
    },
    handle: (method, login) => async (input, call) => {
      const mount = mountOf(call)
      const credential = login.credentialOf?.(input)
      const key = credential === undefined ? undefined : sha256Base64Url(`${call.orgId}${mount.mountId}${login.operation.id}\n${credential}`)
      const known = key === undefined ? undefined : sources.known.peek(key)
      if (key !== undefined && known !== undefined && known !== null && isGoodFor(known, call)) {
        const auth = await repeat(sources, call, key, known)
        if (sources.known.peek(key) === known) return { auth }
        // Forgotten while the token was being written: it is judged anew, and the token that nobody has been told ends by itself.
        call.keepRecord()
      }
      const running = { input, call, mount, readings, tries }
      const { auth, verdict } = await runAnew(sources, method, login, running)
      if (key !== undefined && verdict?.holds !== undefined && seen.get(key) === true) {
        // What fails now will be judged, and said, by the next login.
        await sources.known.getOrLoad(call.orgId, key, async () => {
          const { value, tags } = await learn(sources, method, login, running)
          return { value, tags, bytes: KNOWN_BYTES, ...(value === null ? { maxAgeMs: 0 } : {}) }
        }).catch(() => undefined)
      } else if (key !== undefined && verdict?.holds !== undefined) seen.set(key, true)
      return { auth }
    },
  }
}
