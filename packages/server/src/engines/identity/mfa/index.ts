// Second steps of logins by time-based codes.

import type { Call } from '../../../kernel/call.ts'
import { fail } from '../../../kernel/errors.ts'
import { implement, type Handlers, type Implemented } from '../../../kernel/operation.ts'
import { totpAlgorithms, type Enforcement, type MfaPort, type TotpMethod, type TotpSecret } from '../../../kernel/ports/mfa.ts'
import { mayDelete, mayList, mayRead, mayWrite, notThere, orNotThere } from '../common.ts'
import * as operations from './operations.ts'

type Handled = Handlers<typeof operations>
type Wishes = Parameters<Handled['createTotp']>[0]

export interface MfaParts extends MfaPort {
  makeId(): string
}

const bad = (field: string, message: string): Error => fail('invalid_request', 'mfa.bad_method', message, { field })

/** @throws invalid_request in Vault's words */
const methodFrom = (id: string, wishes: Wishes): TotpMethod => {
  const algorithm = totpAlgorithms.find((each) => each === wishes.algorithm)
  if (algorithm === undefined) throw bad('algorithm', 'unrecognized algorithm')
  const { digits, skew } = wishes
  if (digits !== 6 && digits !== 8) throw bad('digits', 'digits can only be 6 or 8')
  if (skew !== 0 && skew !== 1) throw bad('skew', 'skew can only be 0 or 1')
  if (wishes.period === 0) throw bad('period', 'period must be greater than zero')
  if (wishes.issuer === '') throw bad('issuer', 'issuer must be set')
  return { id, name: wishes.methodName, issuer: wishes.issuer, periodSeconds: wishes.period, keyBytes: wishes.keySize, qrPixels: wishes.qrSize, algorithm, digits, skew, maxAttempts: wishes.maxValidationAttempts === 0 ? 5 : wishes.maxValidationAttempts }
}

const methodView = (method: TotpMethod): Readonly<Record<string, unknown>> => ({
  id: method.id, name: method.name, type: 'totp', issuer: method.issuer, period: method.periodSeconds, key_size: method.keyBytes, qr_size: method.qrPixels, algorithm: method.algorithm, digits: method.digits, skew: method.skew, max_validation_attempts: method.maxAttempts, namespace_id: 'root', namespace_path: '',
})

const enforcementView = (each: Enforcement): Readonly<Record<string, unknown>> => ({
  id: each.id, name: each.name, mfa_method_ids: each.methodIds, auth_method_accessors: each.mountAccessors, auth_method_types: each.mountTypes, identity_group_ids: each.groupIds, identity_entity_ids: each.entityIds, namespace_id: 'root', namespace_path: '',
})

const keyed = <T extends { readonly id: string }>(list: readonly T[], view: (one: T) => unknown) => ({ keys: orNotThere(list.map(({ id }) => id)), keyInfo: Object.fromEntries(list.map((each) => [each.id, view(each)])) })

const methodHandlers = (port: MfaParts): Pick<Handled, 'listMethods' | 'readMethod' | 'listTotp' | 'createTotp' | 'readTotp' | 'updateTotp' | 'deleteTotp'> => {
  const find = async (call: Call, id: string): Promise<{ readonly document: Readonly<Record<string, unknown>> }> => {
    const method = (await port.methods(call.orgId)).find((each) => each.id === id)
    if (method === undefined) throw notThere()
    return { document: methodView(method) }
  }
  return {
    async listMethods(_input, call) {
      mayList(call, 'mfa/method')
      return keyed(await port.methods(call.orgId), methodView)
    },
    async readMethod(input, call) {
      mayRead(call, `mfa/method/${input.method}`)
      return find(call, input.method)
    },
    async listTotp(_input, call) {
      mayList(call, 'mfa/method/totp')
      return keyed(await port.methods(call.orgId), methodView)
    },
    async createTotp(input, call) {
      const grant = mayWrite(call, 'mfa/method/totp')
      const method = methodFrom(port.makeId(), input)
      await port.putMethod(grant, call, method)
      return { methodId: method.id }
    },
    async readTotp(input, call) {
      mayRead(call, `mfa/method/totp/${input.method}`)
      return find(call, input.method)
    },
    async updateTotp(input, call) {
      const grant = mayWrite(call, `mfa/method/totp/${input.method}`)
      await find(call, input.method)
      await port.putMethod(grant, call, methodFrom(input.method, input))
      return { methodId: input.method }
    },
    async deleteTotp(input, call) {
      await port.deleteMethod(mayDelete(call, `mfa/method/totp/${input.method}`), call, input.method)
      return {}
    },
  }
}

const answered = (made: TotpSecret | undefined, methodId: string) => (made === undefined ? { warnings: [`Entity already has a secret for MFA method ${JSON.stringify(methodId)}`] } : { url: made.url, ...(made.barcode === undefined ? {} : { barcode: made.barcode }) })

const secretHandlers = (port: MfaParts): Pick<Handled, 'generate' | 'adminGenerate' | 'adminDestroy'> => ({
  async generate(input, call) {
    const path = 'identity/mfa/method/totp/generate'
    // For oneself: no more than a right to write the path, whoever gave it.
    const grant = call.authorise('update', { kind: 'identity', apiPath: path })
    const entityId = call.caller?.principalId
    if (entityId === undefined) throw fail('invalid_request', 'mfa.no_entity', 'no entity ID associated with the request')
    return answered(await port.makeSecret(grant, call, { methodId: input.methodId, entityId }), input.methodId)
  },
  async adminGenerate(input, call) {
    return answered(await port.makeSecret(mayWrite(call, 'mfa/method/totp/admin-generate'), call, input), input.methodId)
  },
  async adminDestroy(input, call) {
    await port.deleteSecret(mayWrite(call, 'mfa/method/totp/admin-destroy'), call, input)
    return {}
  },
})

const enforcementHandlers = (port: MfaParts): Pick<Handled, 'listEnforcements' | 'readEnforcement' | 'writeEnforcement' | 'deleteEnforcement'> => {
  const find = async (call: Call, name: string): Promise<Enforcement | undefined> => (await port.enforcements(call.orgId)).find((each) => each.name === name)
  return {
    async listEnforcements(_input, call) {
      mayList(call, 'mfa/login-enforcement')
      const all = await port.enforcements(call.orgId)
      return { keys: orNotThere(all.map(({ name }) => name)), keyInfo: Object.fromEntries(all.map((each) => [each.name, enforcementView(each)])) }
    },
    async readEnforcement(input, call) {
      mayRead(call, `mfa/login-enforcement/${input.name}`)
      const found = await find(call, input.name)
      if (found === undefined) throw notThere()
      return { document: enforcementView(found) }
    },
    async writeEnforcement(input, call) {
      const grant = mayWrite(call, `mfa/login-enforcement/${input.name}`)
      if (input.mfaMethodIds.length === 0) throw fail('invalid_request', 'mfa.no_methods', 'missing method ids', { field: 'mfa_method_ids' })
      const subjects = [input.authMethodAccessors, input.authMethodTypes, input.identityGroupIds, input.identityEntityIds]
      if (subjects.every((list) => list.length === 0)) throw fail('invalid_request', 'mfa.no_subject', 'One of auth_method_accessors, auth_method_types, identity_group_ids, identity_entity_ids must be specified', { field: 'auth_method_accessors' })
      const id = (await find(call, input.name))?.id ?? port.makeId()
      await port.putEnforcement(grant, call, { id, name: input.name, methodIds: input.mfaMethodIds, mountAccessors: input.authMethodAccessors, mountTypes: input.authMethodTypes, groupIds: input.identityGroupIds, entityIds: input.identityEntityIds })
      return {}
    },
    async deleteEnforcement(input, call) {
      await port.deleteEnforcement(mayDelete(call, `mfa/login-enforcement/${input.name}`), call, input.name)
      return {}
    },
  }
}

const MOST_PASSCODES = 32

/** @throws invalid_request naming what is not a list of texts */
const passcodesIn = (payload: Readonly<Record<string, unknown>>): Readonly<Record<string, readonly string[]>> => {
  const entries = Object.entries(payload)
  const isGood = (value: unknown): value is readonly string[] => Array.isArray(value) && value.length <= MOST_PASSCODES && value.every((each) => typeof each === 'string' && each.length <= 256)
  if (entries.length > MOST_PASSCODES || !entries.every(([, value]) => isGood(value))) throw fail('invalid_request', 'mfa.bad_payload', 'mfa_payload is passcodes in lists, by id of the method', { field: 'mfa_payload' })
  return Object.fromEntries(entries.filter((entry): entry is [string, readonly string[]] => isGood(entry[1])))
}

export const mfaOperations = (port: MfaParts): readonly Implemented[] =>
  implement(operations, {
    ...methodHandlers(port), ...secretHandlers(port), ...enforcementHandlers(port),
    async validate(input, call) {
      call.audit.resourceType = 'auth'
      // The port's answer is the one that fits `loginOutput`.
      return { auth: (await port.validate(call, { requestId: input.mfaRequestId, passcodes: passcodesIn(input.mfaPayload) })) as Awaited<ReturnType<Handled['validate']>>['auth'] }
    },
  })
