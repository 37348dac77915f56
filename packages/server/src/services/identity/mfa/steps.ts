// Which second steps a login needs, and whether they were given.

import { fail } from '../../../kernel/errors.ts'
import type { Enforcement, TotpMethod } from '../../../kernel/ports/mfa.ts'
import type { PrincipalGrants } from '../../../kernel/identity.ts'
import { accessorOf, type Mount } from '../../../kernel/tenancy.ts'
import { checkPasscode } from './passcodes.ts'
import type { MfaStore, PendingLogin } from './records.ts'

export type Constraint = PendingLogin['constraints'][number]

/** The enforcements that are about a login. Undefined: of somebody new, whom nothing names and who is in no group. */
export const constraintsFor = (enforcements: readonly Enforcement[], mount: Mount, who: Pick<PrincipalGrants, 'principal' | 'groups'> | undefined): readonly Constraint[] => {
  const accessor = accessorOf(mount)
  const groupIds = new Set(who?.groups.map(({ groupId }) => groupId))
  const concerns = (each: Enforcement): boolean =>
    each.mountAccessors.includes(accessor) || each.mountTypes.includes(mount.type) || (who !== undefined && each.entityIds.includes(who.principal.principalId)) || each.groupIds.some((id) => groupIds.has(id))
  return enforcements.filter(concerns).map(({ name, methodIds }) => ({ name, methodIds }))
}

/** Whether an enforcement could be about some login at a mount; without any a login needs to know nothing of the holder. */
export const mayConcern = (enforcements: readonly Enforcement[], mount: Mount): boolean => {
  const accessor = accessorOf(mount)
  return enforcements.some((each) => each.entityIds.length > 0 || each.groupIds.length > 0 || each.mountAccessors.includes(accessor) || each.mountTypes.includes(mount.type))
}

/** Passcodes by method, as the header of a login gives them: `<method id or name>:<passcode>`, several by commas. */
export const credentialsIn = (header: string, methods: readonly TotpMethod[]): Readonly<Record<string, readonly string[]>> => {
  const found: Record<string, string[]> = {}
  for (const each of header.split(',').slice(0, 32)) {
    const [name = '', passcode = ''] = each.trim().split(':')
    const method = methods.find((one) => one.id === name || (one.name !== '' && one.name === name))
    if (method !== undefined) (found[method.id] ??= []).push(passcode.replace(/^passcode=/, ''))
  }
  return found
}

const refused = (name: string, why: string): Error => fail('permission_denied', 'mfa.refused', `failed to satisfy enforcement ${name}. error: ${why}`)

export interface Given {
  readonly entityId: string
  readonly constraints: readonly Constraint[]
  readonly passcodes: Readonly<Record<string, readonly string[]>>
  readonly now: number
}

/** @throws permission_denied naming the enforcement that is not satisfied */
export const requireSteps = async (store: MfaStore, methods: readonly TotpMethod[], { entityId, constraints, passcodes, now }: Given): Promise<void> => {
  // A passcode works once, so a method that two enforcements name is asked once.
  const verdicts = new Map<string, string | undefined>()
  const judged = async (method: TotpMethod): Promise<string | undefined> => {
    if (!verdicts.has(method.id)) {
      const [passcode] = passcodes[method.id] ?? []
      const verdict = passcode === undefined || passcode === '' ? ({ good: false, why: 'MFA credentials not supplied' } as const) : await checkPasscode(store, method, entityId, passcode, now)
      verdicts.set(method.id, verdict.good ? undefined : verdict.why)
    }
    return verdicts.get(method.id)
  }
  for (const { name, methodIds } of constraints) {
    let why: string | undefined = 'no method is left'
    for (const method of methods.filter(({ id }) => methodIds.includes(id))) {
      why = await judged(method)
      if (why === undefined) break
    }
    if (why !== undefined) throw refused(name, why)
  }
}
