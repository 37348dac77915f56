// Second steps of logins: who must, by which method, and the entries in which all of it lies.

import { fail, quote } from '../../../kernel/errors.ts'
import type { Call } from '../../../kernel/call.ts'
import type { Enforcement, MfaPort, TotpMethod } from '../../../kernel/ports/mfa.ts'
import type { PrincipalGrants } from '../../../kernel/identity.ts'
import type { Mount } from '../../../kernel/tenancy.ts'
import type { SealedView } from '../../../kernel/ports/sealed-store.ts'
import { asJson, ENFORCEMENTS, enforcementsOf, METHODS, methodsOf, secretKey, usesKey, type MfaStore, type PendingLogin } from './records.ts'
import { hold, look, take } from './pending.ts'
import { makeTotpSecret } from './secrets.ts'
import { constraintsFor, credentialsIn, mayConcern, requireSteps, type Constraint } from './steps.ts'

export interface MfaPorts {
  /** What the feed calls a change of which enforcements there are. */
  readonly remembered: string
  store(orgId: string): MfaStore
  /** Runs the work in one transaction with the call's record; what workers remember of the named entries is gone when it returns. */
  change<T>(call: Call, remembered: readonly string[], work: (view: SealedView) => Promise<T>): Promise<T>
  /** Whether there is such an entity, so that no secret is made for nobody. */
  hasEntity(orgId: string, entityId: string): Promise<boolean>
  /** The version of the user's or role's record that gave the verdict, as the database has it; undefined: it names none, or it is another one or gone. */
  recordVersion(orgId: string, mountId: string, role: PendingLogin['verdict']['role']): Promise<number | undefined>
  /** Makes the token of a login whose second step was given. */
  finish(call: Call, login: PendingLogin): Promise<Readonly<Record<string, unknown>>>
}

const replaced = <T extends { readonly id: string }>(list: readonly T[], one: T): readonly T[] => (list.some(({ id }) => id === one.id) ? list.map((each) => (each.id === one.id ? one : each)) : [...list, one])

const PAGE = 1000

/** Every entry below a folder, in one transaction with what they belonged to. */
const clear = async (view: SealedView, folder: string): Promise<void> => {
  for (;;) {
    const { keys } = await view.list(folder, { limit: PAGE })
    if (keys.length === 0) return
    for (const key of keys) await view.delete(`${folder}${key}`)
  }
}

const listIn = async <T>(view: SealedView, key: string): Promise<readonly T[]> => ((await view.get(key))?.value ?? []) as unknown as readonly T[] // put in by this file

const methodsWriting = (ports: MfaPorts): Pick<MfaPort, 'methods' | 'putMethod' | 'deleteMethod'> => ({
  methods: async (orgId) => methodsOf(ports.store(orgId)),
  async putMethod(_grant, call, method) {
    await ports.change(call, [METHODS], async (view) => {
      const methods = await listIn<TotpMethod>(view, METHODS)
      if (method.name !== '' && methods.some(({ name, id }) => name === method.name && id !== method.id)) throw fail('invalid_request', 'mfa.name_taken', `an MFA method named ${quote(method.name)} is there already`, { field: 'method_name' })
      await view.put(METHODS, asJson(replaced(methods, method)))
    })
  },
  async deleteMethod(_grant, call, id) {
    await ports.change(call, [METHODS], async (view) => {
      const user = (await listIn<Enforcement>(view, ENFORCEMENTS)).find(({ methodIds }) => methodIds.includes(id))
      if (user !== undefined) throw fail('invalid_request', 'mfa.method_in_use', `methodID is still used by an enforcement configuration with ID: ${user.id}`, { field: 'method_id' })
      await view.put(METHODS, asJson((await listIn<TotpMethod>(view, METHODS)).filter((each) => each.id !== id)))
      await clear(view, `secret/${id}/`)
      await clear(view, `uses/${id}/`)
    })
  },
})

const enforcementsWriting = (ports: MfaPorts): Pick<MfaPort, 'enforcements' | 'putEnforcement' | 'deleteEnforcement'> => ({
  enforcements: async (orgId) => enforcementsOf(ports.store(orgId)),
  async putEnforcement(_grant, call, enforcement) {
    await ports.change(call, [ENFORCEMENTS], async (view) => {
      const known = new Set((await listIn<TotpMethod>(view, METHODS)).map(({ id }) => id))
      const unknown = enforcement.methodIds.find((id) => !known.has(id))
      if (unknown !== undefined) throw fail('invalid_request', 'mfa.unknown_method', `one of the provided method ids doesn't exist: ${quote(unknown)}`, { field: 'mfa_method_ids' })
      await view.put(ENFORCEMENTS, asJson([...(await listIn<Enforcement>(view, ENFORCEMENTS)).filter(({ name }) => name !== enforcement.name), enforcement]))
    })
  },
  async deleteEnforcement(_grant, call, name) {
    await ports.change(call, [ENFORCEMENTS], async (view) => {
      await view.put(ENFORCEMENTS, asJson((await listIn<Enforcement>(view, ENFORCEMENTS)).filter((each) => each.name !== name)))
    })
  },
})

const methodOf = async (ports: MfaPorts, orgId: string, id: string): Promise<TotpMethod> => {
  const method = (await methodsOf(ports.store(orgId))).find((each) => each.id === id)
  if (method === undefined) throw fail('invalid_request', 'mfa.unknown_method', 'configuration for method ID does not exist', { field: 'method_id' })
  return method
}

const secretsWriting = (ports: MfaPorts): Pick<MfaPort, 'makeSecret' | 'deleteSecret'> => ({
  async makeSecret(_grant, call, { methodId, entityId }) {
    const method = await methodOf(ports, call.orgId, methodId)
    if (!(await ports.hasEntity(call.orgId, entityId))) throw fail('invalid_request', 'mfa.unknown_entity', 'invalid entity ID', { field: 'entity_id' })
    const { stored, shown } = makeTotpSecret(method, entityId)
    return ports.change(call, [], async (view) => {
      if ((await view.get(secretKey(methodId, entityId))) !== undefined) return undefined
      await view.put(secretKey(methodId, entityId), asJson(stored), { cas: 0 })
      return shown
    })
  },
  async deleteSecret(_grant, call, { methodId, entityId }) {
    await methodOf(ports, call.orgId, methodId)
    await ports.change(call, [], async (view) => {
      await view.delete(secretKey(methodId, entityId))
      await view.delete(usesKey(methodId, entityId))
    })
  },
})

const denied = (): Error => fail('permission_denied', 'mfa.no_request', 'invalid request ID')

const validating = (ports: MfaPorts): Pick<MfaPort, 'validate'> => ({
  async validate(call, { requestId, passcodes }) {
    const store = ports.store(call.orgId)
    const login = await look(store, call.now(), requestId)
    if (login === undefined) throw denied()
    // The first step was good for what the account was then: one that was changed or deleted meanwhile logs in anew.
    const { mountId, verdict } = login
    if (verdict.role !== undefined && (await ports.recordVersion(call.orgId, mountId, verdict.role)) !== login.recordVersion) throw denied()
    await requireSteps(store, await methodsOf(store), { entityId: login.entityId, constraints: login.constraints, passcodes, now: call.now() })
    if (!(await take(store, requestId))) throw denied()
    return ports.finish(call, login)
  },
})

export const makeMfa = (ports: MfaPorts): MfaPort => ({ ...methodsWriting(ports), ...enforcementsWriting(ports), ...secretsWriting(ports), ...validating(ports) })

/** What a login that is not through yet is told: Vault's `mfa_requirement`. */
export interface MfaRequirement {
  readonly mfa_request_id: string
  readonly mfa_constraints: Readonly<Record<string, { readonly any: readonly { readonly type: 'totp'; readonly id: string; readonly uses_passcode: true; readonly name: string }[] }>>
}

export interface GoodLogin {
  readonly mount: Mount
  readonly verdict: PendingLogin['verdict']
  readonly issuePath: string
  /** Passcodes that came with the login. */
  readonly header: string | undefined
  /** Whom the login is for. Asked only when some enforcement could be about the login. */
  holder(): Promise<LoginHolder>
}

type Who = Pick<PrincipalGrants, 'principal' | 'groups'>

export interface LoginHolder {
  /** Undefined: somebody new. */
  readonly known: Who | undefined
  /** Whoever is known, or is made now. */
  make(): Promise<Who>
}

/** What a login has before it: a step to take, or a token. */
export interface Steps {
  /** Undefined: the login is through. */
  readonly missing?: MfaRequirement
  /** Whose passcodes came with the login and were good. */
  readonly givenBy?: string
  /** To be asked of whom the token will be for, when no step was asked of the login. @throws conflict when one would have been: meanwhile the alias became somebody else's */
  recheck?(holder: Who): void
}

const requirement = (requestId: string, constraints: readonly Constraint[], methods: readonly TotpMethod[]): MfaRequirement => ({
  mfa_request_id: requestId,
  mfa_constraints: Object.fromEntries(constraints.map(({ name, methodIds }) => [name, { any: methods.filter(({ id }) => methodIds.includes(id)).map(({ id, name: called }) => ({ type: 'totp', id, uses_passcode: true, name: called })) }])),
})

const requireNone = (constraints: readonly Constraint[]): void => {
  if (constraints.length > 0) throw fail('conflict', 'mfa.meanwhile', 'Whose login this is was changed meanwhile. Try again.')
}

/** Whether a login of the mount may be asked for a second step. */
export const mayAsk = async (ports: Pick<MfaPorts, 'store'>, orgId: string, mount: Mount): Promise<boolean> => {
  const enforcements = await enforcementsOf(ports.store(orgId))
  return enforcements.length > 0 && mayConcern(enforcements, mount)
}

/** @throws permission_denied when the passcodes that came with the login are not good */
export const askForSteps = async (ports: Pick<MfaPorts, 'store' | 'recordVersion'>, call: Call, { mount, verdict, issuePath, header, holder }: GoodLogin): Promise<Steps> => {
  const store = ports.store(call.orgId)
  const enforcements = await enforcementsOf(store)
  if (enforcements.length === 0 || !mayConcern(enforcements, mount)) return {}
  const { known, make } = await holder()
  const constraints = constraintsFor(enforcements, mount, known)
  // Whoever is new and needs no second step is made together with the token.
  if (constraints.length === 0) return { recheck: (who) => requireNone(constraintsFor(enforcements, mount, who)) }
  const methods = await methodsOf(store)
  const { principal: { principalId: entityId } } = await make()
  if (header !== undefined) {
    await requireSteps(store, methods, { entityId, constraints, passcodes: credentialsIn(header, methods), now: call.now() })
    return { givenBy: entityId }
  }
  if (call.isForOneRequest === true) throw fail('permission_denied', 'mfa.inline', 'A login that comes with its request cannot wait for a second step. Send the passcode in X-Vault-MFA.')
  const recordVersion = await ports.recordVersion(call.orgId, mount.mountId, verdict.role)
  return { missing: requirement(await hold(store, call.now(), { mountId: mount.mountId, verdict, issuePath, entityId, recordVersion, constraints }), constraints, methods) }
}
